/** URLs for parts: a few ahead, and none that is old. */
import { type Connection, call } from "./connection.js";
import type { components } from "./schema.js";

type SignedPart = components["schemas"]["SignPartsResponse"]["parts"][number];

/** Signing costs next to nothing, a refused part costs its bytes. No device's clock is asked how long a URL holds. */
const FRESH_MS = 45_000;

/** Signs the parts of one upload as they are needed. */
export class PartUrls {
  readonly #signed = new Map<number, { part: Promise<SignedPart>; at: number }>();

  constructor(
    private readonly connection: Connection,
    private readonly id: string,
    /** The parts that nobody has begun; it shrinks as they are. */
    private readonly waiting: number[],
    private readonly ahead: number,
    private readonly signal: AbortSignal,
  ) {}

  /** A URL for part `n`, which may have been signed along with an earlier one. */
  take(n: number): Promise<SignedPart> {
    const signed = this.#signed.get(n);
    if (signed && performance.now() - signed.at < FRESH_MS) return signed.part;
    const next = this.waiting.slice(0, this.ahead - 1).filter((other) => !this.#signed.has(other));
    this.#sign([n, ...next]);
    return this.#signed.get(n)?.part ?? Promise.reject(new Error("unreachable"));
  }

  /** S3 did not take it: the next is signed anew. */
  refused(n: number): void {
    this.#signed.delete(n);
  }

  #sign(partNumbers: number[]): void {
    const answer = call<components["schemas"]["SignPartsResponse"]>(
      this.connection,
      `/multipart-uploads/${encodeURIComponent(this.id)}/parts`,
      { method: "POST", body: { partNumbers }, signal: this.signal },
    );
    const at = performance.now();
    for (const n of partNumbers) {
      const part = answer.then(({ data }) => {
        const found = data.parts.find(({ partNumber }) => partNumber === n);
        if (!found) throw new Error(`The server signed no part ${n}.`);
        return found;
      });
      // Whoever takes it sees the failure; nobody may ever take it.
      part.catch(() => this.#signed.delete(n));
      this.#signed.set(n, { part, at });
    }
  }
}
