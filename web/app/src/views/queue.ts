/** The upload queue: the progress of each upload and of all, with their actions. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as format from "../format.ts";
import { type IconName, icon } from "../icons.ts";
import type { Page } from "../page.ts";
import type { Item, State } from "../uploads.ts";

export function queue(page: Page): TemplateResult | typeof nothing {
  const { uploads } = page;
  if (uploads.items.length === 0) return nothing;
  const clear = () => {
    uploads.clear();
    // A failed multipart upload can still be resumed.
    void page.unfinished.load();
  };
  return html`
    <section class="queue card" aria-labelledby="queue-title">
      <div class="row">
        <h2 id="queue-title">Uploads</h2>
        <span class="summary" role="status">${summary(page)}</span>
        <span class="actions">
          ${uploads.active ? button("Pause all", "pause", () => uploads.pauseAll()) : nothing}
          ${
            !uploads.active && uploads.items.some((item) => item.state === "paused" || retryable(item))
              ? button("Resume all", "play", () => uploads.resumeAll())
              : nothing
          }
          ${uploads.is("done", "failed").length > 0 ? button("Clear finished", "xMark", clear) : nothing}
        </span>
      </div>
      ${overall(page)}
      <ul class="items" aria-label="Uploads">
        ${repeat(
          shown(uploads.items),
          ({ key }) => key,
          (item) => row(page, item),
        )}
      </ul>
      ${uploads.items.length > SHOWN ? html`<p class="hint">and ${uploads.items.length - SHOWN} more</p>` : nothing}
    </section>
  `;
}

/** The most rows that are shown. Rendering more takes time from sending. */
const SHOWN = 100;

const ORDER: Record<State, number> = { sending: 0, failed: 1, paused: 2, waiting: 3, done: 4 };

/** With many uploads, only those that are running or need the user are shown. */
function shown(items: Item[]): Item[] {
  if (items.length <= SHOWN) return items;
  return [...items].sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.key - b.key).slice(0, SHOWN);
}

function retryable(item: Item): boolean {
  return item.state === "failed" && !item.hopeless;
}

/** The text that screen readers announce. It contains only counts, because they would announce every percent. */
function summary({ uploads }: Page): string {
  const left = uploads.is("waiting", "sending").length;
  const parts = [
    left > 0 ? `${format.count(left, "file")} to go` : "",
    uploads.is("paused").length > 0 ? `${uploads.is("paused").length} paused` : "",
    uploads.is("done").length > 0 ? `${uploads.is("done").length} done` : "",
    uploads.is("failed").length > 0 ? `${uploads.is("failed").length} failed` : "",
  ];
  return parts.filter(Boolean).join(" · ");
}

function overall({ uploads }: Page): TemplateResult {
  const { sent, size } = uploads.total;
  const speed = uploads.rate.perSecond;
  const going = uploads.active && speed > 0;
  const percent = size > 0 ? (100 * sent) / size : uploads.active ? 0 : 100;
  return html`
    <wa-progress-bar value=${percent} label="All uploads"></wa-progress-bar>
    <p class="hint">
      ${format.bytes(sent)} of ${format.bytes(size)}
      ${going ? html`· ${format.bytes(speed)}/s · ${format.duration((size - sent) / speed)} left` : nothing}
    </p>
  `;
}

const LABEL: Record<State, string> = {
  waiting: "Waiting",
  sending: "Uploading",
  paused: "Paused",
  failed: "Failed",
  done: "Done",
};

function row({ uploads, unfinished }: Page, item: Item): TemplateResult {
  const { state, file, name } = item;
  const percent = file.size > 0 ? (100 * item.sent) / file.size : 0;
  const cancel = () => {
    unfinished.forget(item.id);
    uploads.cancel(item);
  };
  return html`
    <li class="item ${state}" data-state=${state}>
      <span class="file-name" dir="auto" title=${name}>${name}</span>
      <span class="status">${status(item)}</span>
      <span class="actions">
        ${state === "sending" || state === "waiting" ? button(`Pause ${name}`, "pause", () => uploads.pause(item), true) : nothing}
        ${state === "paused" ? button(`Resume ${name}`, "play", () => uploads.resume(item), true) : nothing}
        ${retryable(item) ? button(`Retry ${name}`, "arrowPath", () => uploads.resume(item), true) : nothing}
        ${state === "done" ? nothing : button(`Cancel ${name}`, "xMark", cancel, true)}
        ${state === "done" ? html`<span class="icon done">${icon("checkCircle")}</span>` : nothing}
      </span>
      ${
        state === "sending" || state === "paused"
          ? html`<wa-progress-bar value=${percent} label=${name}></wa-progress-bar>`
          : nothing
      }
    </li>
  `;
}

function status(item: Item): string {
  if (item.state === "failed") return item.problem ?? LABEL.failed;
  const size = format.bytes(item.file.size);
  if (item.state === "done" || item.state === "waiting") return `${LABEL[item.state]} · ${size}`;
  const resumed = item.resumed > 0 ? ` · ${format.bytes(item.resumed)} were there already` : "";
  return `${LABEL[item.state]} · ${format.bytes(item.sent)} of ${size}${resumed}`;
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
