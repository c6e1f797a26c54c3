/** Whether uploads move, and what to say if they do not. */
import type { QueuedUpload, QueueSnapshot, Retry } from "@slipway/client";
import * as format from "./format.ts";

/** How long S3 may take to confirm bytes that the system has taken, which the connection may still be sending. */
const CONFIRM_MS = 60_000;

/** After so long without a byte, the speed and the time left are not true any more. */
const STILL_MS = 4_000;

export class Movement {
  #sent = -1;
  #at = 0;

  /** Call it with each snapshot. Returns for how long nothing has moved. */
  still({ totals }: QueueSnapshot, now: number): number {
    const isIdle = totals.waiting + totals.uploading === 0;
    if (isIdle || totals.sent !== this.#sent) {
      this.#sent = totals.sent;
      this.#at = now;
    }
    return now - this.#at;
  }

  /** Why nothing moves; undefined while it moves. */
  trouble(snapshot: QueueSnapshot, isOnline: boolean, now = Date.now()): string | undefined {
    const { totals, trouble } = snapshot;
    const still = this.still(snapshot, now);
    if (totals.waiting + totals.uploading === 0) return undefined;
    if (!isOnline) return "You are offline. Uploads go on by themselves when the connection is back.";
    if (trouble) return describe(trouble);
    const moving = snapshot.uploads.filter(({ state }) => state === "uploading");
    const allows = moving.length > 0 && moving.every(isSent) ? CONFIRM_MS : STILL_MS;
    if (still < allows) return undefined;
    return `Nothing has moved for ${format.duration(still / 1000)}. The connection may be lost.`;
  }
}

/** Whether the system has taken all bytes. On a slow link it may still be sending megabytes of them. */
export function isSent({ sent, size }: QueuedUpload): boolean {
  return size > 0 && sent >= size;
}

/** What one upload waits for. */
export function waitsFor({ trouble }: QueuedUpload, isOnline: boolean): string | undefined {
  if (!trouble) return undefined;
  return isOnline ? attempt(trouble) : "Waiting for the connection";
}

/** Why a request is repeated, and how many attempts have failed. */
export function describe(retry: Retry): string {
  return `${reason(retry)} ${attempt(retry)}`;
}

function reason({ error }: Retry): string {
  // A message of API Gateway itself, such as "Service Unavailable", has no full stop.
  const message = error.message.replace(/\w$/, "$&.");
  return error.code === "cors" ? `${message} The operator of this service has to add it.` : message;
}

function attempt({ attempt, attempts }: Retry): string {
  return `Attempt ${attempt} of ${attempts} failed, trying again.`;
}
