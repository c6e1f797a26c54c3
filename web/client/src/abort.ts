/** Abort signals without `AbortSignal.any` and `throwIfAborted`, which Safari 15.4, Chrome 100 and React Native lack. */

/** Throws the reason of `signal` if it is aborted. */
export function check(signal?: AbortSignal): void {
  if (signal?.aborted) throw reasonOf(signal);
}

/** Why `signal` is aborted. React Native's signals have no reason. */
export function reasonOf(signal?: AbortSignal): unknown {
  return signal?.reason ?? Object.assign(new Error("The operation was aborted."), { name: "AbortError" });
}

/** A controller that is aborted when `signal` is. Call `unlink` at the end. */
export function linked(signal?: AbortSignal): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(reasonOf(signal));
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  return { controller, unlink: () => signal?.removeEventListener("abort", abort) };
}

/** A signal that is aborted after `ms`, or when `signal` is. Call `clear` at the end. */
export function deadline(ms: number, signal?: AbortSignal): { signal: AbortSignal; clear: () => void } {
  const { controller, unlink } = linked(signal);
  const timer = setTimeout(() => controller.abort(), ms);
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      unlink();
    },
  };
}
