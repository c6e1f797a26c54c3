/** Sends the parts that S3 does not have, in order and as many at once as the connection can use. */
import { linked } from "./abort.js";
import type { Crc } from "./crc.js";
import type { PartsJob, Plan } from "./multipart.js";
import { notify } from "./notify.js";
import { partUrls } from "./part-urls.js";
import { sendSigned } from "./single.js";

const PARALLEL = 4;

/** Resolves when S3 has every part of `plan`. Rejects with the first error that lasts, and aborts the other parts. */
export function sendParts(job: PartsJob, plan: Plan, crc?: Promise<Crc | undefined>): Promise<void> {
  const { connection, file, options } = job;
  const { partSize } = plan;
  // The last one is shorter: a slice ends where the file ends.
  const part = (n: number) => file.slice((n - 1) * partSize, n * partSize);
  const waiting: number[] = [];
  let resumed = 0;
  for (let n = 1; n <= plan.partCount; n++) {
    const { size } = part(n);
    if (plan.stored.get(n) === size) resumed += size;
    else waiting.push(n);
  }
  let sent = resumed;
  const report = () => notify(options.onProgress, { sent, total: file.size, resumed });
  report();

  const { controller, unlink } = linked(options.signal);
  const { signal } = controller;
  const most = Math.max(1, options.parallel || PARALLEL);
  const urls = partUrls(connection, plan.id, waiting, 2 * most, signal);
  const send = async (n: number): Promise<void> => {
    const body = part(n);
    const end = connection.pace.begin();
    let counted = 0;
    const onSent = (bytes: number) => {
      connection.pace.sent(bytes - counted);
      sent += bytes - counted;
      counted = bytes;
      report();
    };
    const sign = (refused: number) => {
      // What is being sent is in the disk's cache.
      void crc?.then((some) => some?.readTo(n * partSize));
      return urls.take(n, refused > 0);
    };
    try {
      await sendSigned(job, sign, body, onSent, signal);
      onSent(body.size);
    } finally {
      end();
    }
  };

  return new Promise<void>((resolve, reject) => {
    let running = 0;
    let failure: { error: unknown } | undefined;
    // Parts that share a slow connection all finish at the end: a pause or a reload would lose every one of them.
    const fill = () => {
      const allowed = Math.min(most, connection.pace.parallel());
      while (!failure && running < allowed) {
        const n = waiting.shift();
        if (n === undefined) break;
        running++;
        send(n)
          .catch((error) => {
            failure ??= { error };
            controller.abort(error);
          })
          .then(() => {
            running--;
            fill();
          });
      }
      if (running > 0) return;
      clearInterval(timer);
      unlink();
      if (failure) reject(failure.error);
      else resolve();
    };
    const timer = setInterval(fill, 250);
    fill();
  });
}
