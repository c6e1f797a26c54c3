/** The upload queue: the progress of each upload and of all, with their actions. */
import { type QueuedUpload, SlipwayError, type UploadState } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as format from "../format.ts";
import { icon } from "../icons.ts";
import { isSent, waitsFor } from "../movement.ts";
import { plain, shown } from "../names.ts";
import type { Page } from "../page.ts";
import { bare, button } from "./button.ts";

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
  const cancelAll = () => {
    page.panel = { kind: "cancel-all" };
    page.draw();
  };
  const isOpen = page.showsQueue ?? totals.done < uploads.length;
  const toggle = () => {
    page.showsQueue = !isOpen;
    page.draw();
  };
  const trouble = page.movement.trouble(snapshot, navigator.onLine);
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
          ${active && uploads.length > 1 ? button("Cancel all", "trash", cancelAll) : nothing}
          ${totals.done + totals.failed > 0 ? button("Clear finished", "xMark", clear) : nothing}
          <button class="bare" aria-expanded=${isOpen} aria-label="List of uploads" title="List of uploads" @click=${toggle}>
            <span class="icon">${icon(isOpen ? "chevronUp" : "chevronDown")}</span>
          </button>
        </span>
      </div>
      ${overall(page, trouble)}
      ${trouble ? html`<p class="trouble" role="alert"><span class="icon">${icon("exclamationCircle")}</span>${trouble}</p>` : nothing}
      ${
        isOpen
          ? html`
              <ul class="items" aria-label="Uploads" tabindex="0">
                ${repeat(
                  inOrder(uploads),
                  ({ key }) => key,
                  (upload) => row(page, upload),
                )}
              </ul>
              ${uploads.length > SHOWN ? html`<p class="hint">and ${format.number(uploads.length - SHOWN)} more</p>` : nothing}
            `
          : nothing
      }
    </section>
  `;
}

/** The most rows that are shown. Rendering more takes time from sending. */
const SHOWN = 100;

const ORDER: Record<UploadState, number> = { uploading: 0, failed: 1, paused: 2, waiting: 3, done: 4 };

/** What moves is on top, then what needs the user. */
function inOrder(uploads: readonly QueuedUpload[]): readonly QueuedUpload[] {
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

function overall({ uploads }: Page, trouble?: string): TemplateResult | typeof nothing {
  const { sent, size, speed, waiting, uploading, paused, done } = uploads.snapshot.totals;
  // Everything was refused: there is no progress to show.
  if (waiting + uploading + paused + done === 0) return nothing;
  const active = waiting + uploading > 0;
  const percent = size > 0 ? (100 * sent) / size : active ? 0 : 100;
  return html`
    <wa-progress-bar value=${percent} label="All uploads"></wa-progress-bar>
    <p class="hint">
      ${format.bytes(sent)} of ${format.bytes(size)}
      ${active && speed > 0 && !trouble ? html`· ${format.bytes(speed)}/s · ${format.duration((size - sent) / speed)} left` : nothing}
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
  const { key, state, size, sent, uploadId, retryable } = upload;
  const name = plain(upload.name);
  const percent = size > 0 ? (100 * sent) / size : 0;
  const cancel = () => {
    unfinished.forget(uploadId);
    uploads.cancel(key);
  };
  return html`
    <li class="item ${state}" data-state=${state}>
      <span class="file-name" title=${name}>${shown(upload.name)}</span>
      <span class="status">${status(upload)}</span>
      <span class="actions">
        ${state === "uploading" || state === "waiting" ? bare(`Pause ${name}`, "pause", () => uploads.pause(key)) : nothing}
        ${state === "paused" ? bare(`Resume ${name}`, "play", () => uploads.resume(key)) : nothing}
        ${retryable ? bare(`Retry ${name}`, "arrowPath", () => uploads.retry(key)) : nothing}
        ${state === "done" ? nothing : bare(`Cancel ${name}`, "xMark", cancel)}
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
  if (state === "done") return `${LABEL[state]} · ${size}`;
  if (state === "waiting") return waitsFor(upload, navigator.onLine) ?? `${LABEL[state]} · ${size}`;
  const there = resumed > 0 ? ` · ${format.bytes(resumed)} were there already` : "";
  const waits = waitsFor(upload, navigator.onLine);
  if (state === "uploading" && isSent(upload)) return waits ?? `Sent, not confirmed yet · ${size}`;
  return waits ?? `${LABEL[state]} · ${format.bytes(sent)} of ${size}${there}`;
}

/** Why an upload failed, for people. */
export function problem({ error }: QueuedUpload): string {
  const isLost = error instanceof SlipwayError && error.code === "network";
  return isLost ? `${error.message} Try again when the connection is back.` : (error?.message ?? LABEL.failed);
}
