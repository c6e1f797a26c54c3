/** Signs URLs for parts: a few ahead of their use, and none so early that it could expire. */
import type { Connection } from "./connection.js";
import type { components } from "./schema.js";
import { post } from "./upload.js";

type Answer = components["schemas"]["SignPartsResponse"];
type SignedPart = Answer["parts"][number];

/**
 * A URL that is older than this is replaced. Signing is cheap, and a refused part costs all its bytes. `expiresAt` is
 * not used, because the clock of the device may be wrong.
 */
const FRESH_MS = 45_000;

/** The URLs of one upload. */
export interface PartUrls {
  /** A URL for part `n`. It may have been signed together with an earlier one, unless a `fresh` one is needed. */
  take(n: number, fresh: boolean): Promise<SignedPart>;
}

/** Signs the parts of upload `id`, up to `ahead` at once. `waiting` are those that are not being sent yet. */
export function partUrls(
  connection: Connection,
  id: string,
  waiting: number[],
  ahead: number,
  signal: AbortSignal,
): PartUrls {
  const signed = new Map<number, { part: Promise<SignedPart>; at: number }>();
  const sign = (partNumbers: number[]) => {
    const at = Date.now();
    const path = `/multipart-uploads/${encodeURIComponent(id)}/parts`;
    const answer = post<Answer>(connection, path, { partNumbers }, signal);
    for (const n of partNumbers) {
      // Every part that was asked for is in the answer.
      const part = answer.then(({ parts }) => parts.find(({ partNumber }) => partNumber === n) as SignedPart);
      // `take` reports the failure. This handler prevents an unhandled rejection for parts that are never taken.
      part.catch(() => signed.delete(n));
      signed.set(n, { part, at });
    }
  };
  return {
    take(n, fresh) {
      if (fresh || Date.now() - (signed.get(n)?.at ?? 0) > FRESH_MS) {
        sign([n, ...waiting.slice(0, ahead - 1).filter((other) => !signed.has(other))]);
      }
      return signed.get(n)?.part as Promise<SignedPart>;
    },
  };
}
