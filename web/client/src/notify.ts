/** Calls the application's callbacks. An exception in one is reported, and does not end the upload. */
import type { Progress, UploadOptions } from "./upload.js";

/** Calls `onStart`. */
export function startedWith({ onStart }: UploadOptions, upload: { id: string; resumable: boolean }): void {
  guarded(() => onStart?.(upload));
}

/** Calls `onProgress`. */
export function progressOf({ onProgress }: UploadOptions, progress: Progress): void {
  guarded(() => onProgress?.(progress));
}

function guarded(callback: () => unknown): void {
  try {
    callback();
  } catch (error) {
    // As an exception in an event listener: `window.onerror` and the console see it.
    const report = (globalThis as { reportError?: (error: unknown) => void }).reportError ?? console.error;
    report(error);
  }
}
