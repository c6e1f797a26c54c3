/** Doing something again: pauses that grow, end early when the network is back, and end at once on an abort. */
import { SlipwayError } from "./errors.js";

/** How often, and how patiently. */
export interface RetryOptions {
  /** The most attempts; 8 without it, which is about two minutes of trying. */
  attempts?: number;
  /** The first pause; each is up to twice the last. */
  firstPauseMs?: number;
  /** The longest pause. */
  longestPauseMs?: number;
}

const DEFAULTS = { attempts: 8, firstPauseMs: 500, longestPauseMs: 30_000 };

/** Runs `attempt` until it does not fail in a way that passes. Time without a network is waited out, and counts for nothing. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  options: RetryOptions & { signal?: AbortSignal } = {},
): Promise<T> {
  const { attempts, firstPauseMs, longestPauseMs } = { ...DEFAULTS, ...options };
  for (let n = 1; ; n++) {
    options.signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof SlipwayError && error.retryable)) throw error;
      if (error.code === "network" && isOffline()) {
        await online(options.signal);
        n--;
      } else {
        if (n >= attempts) throw error;
        const ceiling = Math.min(firstPauseMs * 2 ** (n - 1), longestPauseMs);
        // Half of it at random, so that many clients do not come back together.
        const pause = error.details.retryAfterMs ?? ceiling * (0.5 + Math.random() / 2);
        await sleep(pause, options.signal);
      }
    }
  }
}

/** A pause that an abort ends, and the network's return too. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return wait(signal, (done) => {
    const timer = setTimeout(done, ms);
    const target = globalThis as Partial<EventTarget>;
    target.addEventListener?.("online", done);
    return () => {
      clearTimeout(timer);
      target.removeEventListener?.("online", done);
    };
  });
}

/** Whether the browser knows that there is no network. It may be wrong only the other way. */
function isOffline(): boolean {
  return globalThis.navigator?.onLine === false;
}

function online(signal?: AbortSignal): Promise<void> {
  return wait(signal, (done) => {
    // Looked at again now and then: a laptop that slept may have missed the event.
    const timer = setInterval(() => isOffline() || done(), 5_000);
    globalThis.addEventListener?.("online", done);
    return () => {
      clearInterval(timer);
      globalThis.removeEventListener?.("online", done);
    };
  });
}

function wait(signal: AbortSignal | undefined, begin: (done: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = begin(() => {
      end();
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    const abort = () => {
      end();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}
