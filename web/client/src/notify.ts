/** Calls a callback of the application. An exception in it is reported, and does not end the upload. */
export function notify<T>(callback: ((value: T) => unknown) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    // As an exception in an event listener: `window.onerror` and the console see it.
    const report = (globalThis as { reportError?: (error: unknown) => void }).reportError ?? console.error;
    report(error);
  }
}
