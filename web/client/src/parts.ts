/** Sends the parts that S3 does not have, in order and as many at once as the connection can use. */
import { linked } from "./abort.js";
import type { Crc } from "./crc.js";
import { SlipwayError } from "./errors.js";
import type { PartsJob, Plan } from "./multipart.js";
import { notify } from "./notify.js";
import { partUrls } from "./part-urls.js";
import { retrying } from "./retry.js";
import { put } from "./send.js";
import { FRESH_URLS } from "./single.js";

const PARALLEL = 4;

/** Resolves when S3 has every part of `plan`. Rejects with the first error that lasts, and aborts the other parts. */
export function sendParts({ connection, file, options, steps }: PartsJob, plan: Plan, crc?: Crc): Promise<void> {
  const range = (n: number): [number, number] => [(n - 1) * plan.partSize, Math.min(n * plan.partSize, file.size)];
  const waiting: number[] = [];
  let resumed = 0;
  for (let n = 1; n <= plan.partCount; n++) {
    const [from, to] = range(n);
    if (plan.stored.get(n) === to - from) resumed += to - from;
    else waiting.push(n);
  }
  const sent = new Map<number, number>();
  const report = (n?: number, bytes = 0) => {
    if (n !== undefined) sent.set(n, bytes);
    let moved = resumed;
    for (const some of sent.values()) moved += some;
    notify(options.onProgress, { sent: moved, total: file.size, resumed });
  };
  report();

  const { controller, unlink } = linked(options.signal);
  const { signal } = controller;
  const most = Math.max(1, Math.floor(options.parallel ?? PARALLEL) || 1);
  const urls = partUrls(connection, plan.id, waiting, 2 * most, signal);
  const send = async (n: number): Promise<void> => {
    const body = file.slice(...range(n));
    const end = connection.pace.begin();
    let counted = 0;
    const onSent = (bytes: number) => {
      connection.pace.sent(bytes - counted);
      counted = bytes;
      report(n, bytes);
    };
    try {
      for (let refused = 0; ; refused++) {
        const { url, headers } = await urls.take(n);
        const known = refused < FRESH_URLS ? [403] : [];
        const attempt = () => {
          counted = 0;
          // What is being sent is in the page cache of the disk.
          crc?.readTo(range(n)[1]);
          return put(connection, { url, headers, body, signal, onSent }, known);
        };
        const status = await retrying(connection, () => steps.turn(attempt, signal), signal);
        if (status !== 403) break;
        urls.refused(n);
      }
    } finally {
      end();
    }
    report(n, body.size);
  };

  return new Promise<void>((resolve, reject) => {
    const running = new Set<Promise<void>>();
    let failure: { error: unknown } | undefined;
    const settle = () => {
      if (running.size > 0) return;
      clearInterval(timer);
      unlink();
      if (failure) reject(overIfGone(failure.error));
      else resolve();
    };
    // Parts that share a slow connection all finish at the end: a pause or a reload would lose every one of them.
    const fill = () => {
      const allowed = Math.min(most, connection.pace.parallel());
      while (!failure && running.size < allowed) {
        const n = waiting.shift();
        if (n === undefined) break;
        const part: Promise<void> = send(n)
          .catch((error) => {
            failure ??= { error };
            controller.abort(error);
          })
          .then(() => {
            running.delete(part);
            fill();
            settle();
          });
        running.add(part);
      }
    };
    const timer = setInterval(fill, 250);
    fill();
    settle();
  });
}

/** S3 answers 404 for a part of an upload that was completed or aborted. */
function overIfGone(error: unknown): unknown {
  if (error instanceof SlipwayError && error.code === "upload_refused" && error.status === 404) {
    return new SlipwayError("not_found", "The upload is over.", 404, { cause: error });
  }
  return error;
}
