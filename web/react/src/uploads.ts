/** `useUploads`: a queue of uploads as state of a component. */
import { type Client, type QueueOptions, type QueueSnapshot, UploadQueue } from "@slipway/client";
import { useCallback, useMemo, useState, useSyncExternalStore } from "react";

/** The uploads, their totals and actions on them. The actions are stable across renders. */
export interface Uploads
  extends QueueSnapshot,
    Pick<UploadQueue, "add" | "pause" | "resume" | "cancel" | "retry" | "clear"> {
  /** The queue itself: subscribe to its events, or pass it to another component. */
  queue: UploadQueue;
}

/**
 * Renders again when an upload changes, up to 20 times a second.
 *
 * With a client, the component creates its own queue and reads `options` once. Pass a queue to
 * share it between components.
 */
export function useUploads(source: Client | UploadQueue, options?: QueueOptions): Uploads {
  const [own, setOwn] = useState(() => ({ source, queue: queueOf(source, options) }));
  let { queue } = own;
  if (own.source !== source) {
    queue = queueOf(source, options);
    setOwn({ source, queue });
  }
  const subscribe = useCallback((changed: () => void) => queue.on("change", changed), [queue]);
  const snapshot = () => queue.snapshot;
  const { uploads, totals } = useSyncExternalStore(subscribe, snapshot, snapshot);
  const actions = useMemo(
    () => ({
      queue,
      add: queue.add.bind(queue),
      pause: queue.pause.bind(queue),
      resume: queue.resume.bind(queue),
      cancel: queue.cancel.bind(queue),
      retry: queue.retry.bind(queue),
      clear: queue.clear.bind(queue),
    }),
    [queue],
  );
  return { uploads, totals, ...actions };
}

function queueOf(source: Client | UploadQueue, options?: QueueOptions): UploadQueue {
  return source instanceof UploadQueue ? source : new UploadQueue(source, options);
}
