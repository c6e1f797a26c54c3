/** The upload queue: the progress of each upload and of all, with their actions. */
import { type QueuedUpload, SlipwayError, type UploadState } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as format from "../format.ts";
import { type IconName, icon } from "../icons.ts";
import type { Page } from "../page.ts";

export function queue(page: Page): TemplateResult | typeof nothing {
  const { snapshot } = page.uploads;
  const { uploads, totals } = snapshot;
  if (uploads.length === 0) return nothing;
  const active = totals.waiting + totals.uploading > 0;
  const clear = () => {
    page.uploads.clear();
    // A failed multipart upload can still be resumed.
    void page.unfinished.load();
  };
  const resumeAll = () => {
    page.uploads.resume();
    page.uploads.retry();
  };
  return html`
    <section class="queue card" aria-labelledby="queue-title">
      <div class="row">
        <h2 id="queue-title">Uploads</h2>
        <span class="summary" role="status">${summary(page)}</span>
        <span class="actions">
          ${active ? button("Pause all", "pause", () => page.uploads.pause()) : nothing}
          ${
            !active && uploads.some((upload) => upload.state === "paused" || upload.retryable)
              ? button("Resume all", "play", resumeAll)
              : nothing
          }
          ${totals.done + totals.failed > 0 ? button("Clear finished", "xMark", clear) : nothing}
        </span>
      </div>
      ${overall(page)}
      <ul class="items" aria-label="Uploads">
        ${repeat(
          shown(uploads),
          ({ key }) => key,
          (upload) => row(page, upload),
        )}
      </ul>
      ${uploads.length > SHOWN ? html`<p class="hint">and ${uploads.length - SHOWN} more</p>` : nothing}
    </section>
  `;
}

/** The most rows that are shown. Rendering more takes time from sending. */
const SHOWN = 100;

const ORDER: Record<UploadState, number> = { uploading: 0, failed: 1, paused: 2, waiting: 3, done: 4 };

/** With many uploads, only those that are running or need the user are shown. */
function shown(uploads: readonly QueuedUpload[]): readonly QueuedUpload[] {
  if (uploads.length <= SHOWN) return uploads;
  return [...uploads].sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.key - b.key).slice(0, SHOWN);
}

/** The text that screen readers announce. It contains only counts, because they would announce every percent. */
function summary({ uploads }: Page): string {
  const { waiting, uploading, paused, done, failed } = uploads.snapshot.totals;
  const left = waiting + uploading;
  const parts = [
    left > 0 ? `${format.count(left, "file")} to go` : "",
    paused > 0 ? `${paused} paused` : "",
    done > 0 ? `${done} done` : "",
    failed > 0 ? `${failed} failed` : "",
  ];
  return parts.filter(Boolean).join(" · ");
}

function overall({ uploads }: Page): TemplateResult {
  const { sent, size, speed, waiting, uploading } = uploads.snapshot.totals;
  const active = waiting + uploading > 0;
  const percent = size > 0 ? (100 * sent) / size : active ? 0 : 100;
  return html`
    <wa-progress-bar value=${percent} label="All uploads"></wa-progress-bar>
    <p class="hint">
      ${format.bytes(sent)} of ${format.bytes(size)}
      ${active && speed > 0 ? html`· ${format.bytes(speed)}/s · ${format.duration((size - sent) / speed)} left` : nothing}
    </p>
  `;
}

const LABEL: Record<UploadState, string> = {
  waiting: "Waiting",
  uploading: "Uploading",
  paused: "Paused",
  failed: "Failed",
  done: "Done",
};

function row({ uploads, unfinished }: Page, upload: QueuedUpload): TemplateResult {
  const { key, state, size, sent, name, uploadId, retryable } = upload;
  const percent = size > 0 ? (100 * sent) / size : 0;
  const cancel = () => {
    unfinished.forget(uploadId);
    uploads.cancel(key);
  };
  return html`
    <li class="item ${state}" data-state=${state}>
      <span class="file-name" dir="auto" title=${name}>${name}</span>
      <span class="status">${status(upload)}</span>
      <span class="actions">
        ${state === "uploading" || state === "waiting" ? button(`Pause ${name}`, "pause", () => uploads.pause(key), true) : nothing}
        ${state === "paused" ? button(`Resume ${name}`, "play", () => uploads.resume(key), true) : nothing}
        ${retryable ? button(`Retry ${name}`, "arrowPath", () => uploads.retry(key), true) : nothing}
        ${state === "done" ? nothing : button(`Cancel ${name}`, "xMark", cancel, true)}
        ${state === "done" ? html`<span class="icon done">${icon("checkCircle")}</span>` : nothing}
      </span>
      ${
        state === "uploading" || state === "paused"
          ? html`<wa-progress-bar value=${percent} label=${name}></wa-progress-bar>`
          : nothing
      }
    </li>
  `;
}

function status(upload: QueuedUpload): string {
  const { state, sent, resumed } = upload;
  if (state === "failed") return problem(upload);
  const size = format.bytes(upload.size);
  if (state === "done" || state === "waiting") return `${LABEL[state]} · ${size}`;
  const there = resumed > 0 ? ` · ${format.bytes(resumed)} were there already` : "";
  return `${LABEL[state]} · ${format.bytes(sent)} of ${size}${there}`;
}

/** Why an upload failed, for people. */
export function problem({ error }: QueuedUpload): string {
  const isLost = error instanceof SlipwayError && error.code === "network";
  return isLost ? "The connection was lost. Try again when it is back." : (error?.message ?? LABEL.failed);
}

/** A button with an icon. On narrow screens only screen readers get its name. It is a native button: a
 * list has thousands of them. */
export function button(label: string, name: IconName, run: () => void, bare = false): TemplateResult {
  return bare
    ? html`<button class="bare" @click=${run} title=${label} aria-label=${label}><span class="icon">${icon(name)}</span></button>`
    : html`
        <wa-button appearance="plain" size="s" @click=${run}>
          <span class="icon" slot="start">${icon(name)}</span><span class="label">${label}</span>
        </wa-button>
      `;
}
