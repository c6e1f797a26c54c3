/** Signs URLs for parts: a few ahead of their use, and none so early that it could expire. */
import { type Connection, call } from "./connection.js";
import type { components } from "./schema.js";

type SignedPart = components["schemas"]["SignPartsResponse"]["parts"][number];

/**
 * A URL that is older than this is replaced. Signing is cheap, and a refused part costs all its bytes. `expiresAt` is not used, because the
 * clock of the device may be wrong.
 */
const FRESH_MS = 45_000;

/** Signs the parts of one upload as they are needed. */
export class PartUrls {
  readonly #signed = new Map<number, { part: Promise<SignedPart>; at: number }>();

  constructor(
    private readonly connection: Connection,
    private readonly id: string,
    /** The parts that are not being sent yet. The owner removes from it. */
    private readonly waiting: number[],
    private readonly ahead: number,
    private readonly signal: AbortSignal,
  ) {}

  /** A URL for part `n`. It may have been signed together with an earlier one. */
  take(n: number): Promise<SignedPart> {
    const signed = this.#signed.get(n);
    if (signed && Date.now() - signed.at < FRESH_MS) return signed.part;
    const next = this.waiting.slice(0, this.ahead - 1).filter((other) => !this.#signed.has(other));
    this.#sign([n, ...next]);
    return this.#signed.get(n)?.part ?? Promise.reject(new Error("unreachable"));
  }

  /** S3 refused the URL of part `n`: the next `take` signs a new one. */
  refused(n: number): void {
    this.#signed.delete(n);
  }

  #sign(partNumbers: number[]): void {
    const answer = call<components["schemas"]["SignPartsResponse"]>(
      this.connection,
      `/multipart-uploads/${encodeURIComponent(this.id)}/parts`,
      { method: "POST", body: { partNumbers }, signal: this.signal },
    );
    const at = Date.now();
    for (const n of partNumbers) {
      const part = answer.then(({ data }) => {
        const found = data.parts.find(({ partNumber }) => partNumber === n);
        if (!found) throw new Error(`The server signed no part ${n}.`);
        return found;
      });
      // `take` reports the failure. This handler prevents an unhandled rejection for parts that are never taken.
      part.catch(() => this.#signed.delete(n));
      this.#signed.set(n, { part, at });
    }
  }
}
