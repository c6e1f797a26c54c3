/** Repeats what failed, after pauses that grow. An abort ends a pause, and so does a network that comes back. */
import { check, deadline } from "./abort.js";
import { SlipwayError } from "./errors.js";
import { notify } from "./notify.js";

/** How often and how long to repeat. */
export interface RetryOptions {
  /** The most attempts. Default: 8, which takes up to a minute. */
  attempts?: number;
  /** The first pause. Each is up to twice as long as the one before. */
  firstPauseMs?: number;
  /** The longest pause. */
  longestPauseMs?: number;
}

/** A request that failed, and is repeated after a pause. */
export interface Retry {
  /** How many attempts have failed. It does not increase while the device is offline. */
  attempt: number;
  /** After how many failed attempts it is given up. */
  attempts: number;
  error: SlipwayError;
  pauseMs: number;
}

const DEFAULTS = { attempts: 8, firstPauseMs: 500, longestPauseMs: 30_000 };

/** A server may ask for any `Retry-After`. A person does not wait an hour. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** A CORS rule that is missing does not appear by waiting. A few attempts exclude a coincidence. */
const CORS_ATTEMPTS = 3;

/**
 * Runs `attempt` until it succeeds or fails for good. An attempt without a network does not count: `navigator.onLine` decides that,
 * and since it can be wrong, the next attempt is made after the longest pause whatever it says.
 */
export async function retrying<T>(
  { retry, onRetry }: { retry?: RetryOptions; onRetry?: (retry: Retry) => void },
  attempt: () => Promise<T>,
  signal?: AbortSignal,
  isRetryable = (error: SlipwayError) => error.retryable,
): Promise<T> {
  const { attempts, firstPauseMs, longestPauseMs } = { ...DEFAULTS, ...retry };
  for (let n = 1; ; n++) {
    check(signal);
    try {
      return await attempt();
    } catch (error) {
      check(signal);
      if (!(error instanceof SlipwayError && isRetryable(error))) throw error;
      const isOffline = error.code === "network" && globalThis.navigator?.onLine === false;
      const most = error.code === "cors" ? Math.min(attempts, CORS_ATTEMPTS) : attempts;
      if (isOffline) n--;
      else if (n >= most) throw error;
      const ceiling = isOffline ? longestPauseMs : Math.min(firstPauseMs * 2 ** (n - 1), longestPauseMs);
      // Half of the pause is random, so that many clients do not come back at the same moment.
      const pause = error.details.retryAfterMs ?? ceiling * (0.5 + Math.random() / 2);
      const pauseMs = Math.min(pause, LONGEST_RETRY_AFTER_MS);
      notify(onRetry, { attempt: n, attempts: most, error, pauseMs });
      await sleep(pauseMs, signal);
    }
  }
}

/** A pause. It ends early when the network comes back, and rejects when `signal` is aborted. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const target = globalThis as Partial<EventTarget>;
  const limit = deadline(ms, signal);
  let done = () => {};
  await new Promise<void>((resolve) => {
    done = resolve;
    limit.signal.addEventListener("abort", done);
    target.addEventListener?.("online", done);
    if (signal?.aborted) resolve();
  });
  target.removeEventListener?.("online", done);
  limit.clear();
  check(signal);
}
