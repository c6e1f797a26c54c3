/** The preview of one file. The arrow keys show its neighbours. */
import type { StoredFile } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { live } from "lit/directives/live.js";
import { until } from "lit/directives/until.js";
import * as format from "../format.ts";
import type { Page } from "../page.ts";
import { button } from "./queue.ts";

export function preview(page: Page): TemplateResult {
  const { open } = page;
  // The list may have a newer URL.
  const file = open && (page.library.files.find(({ id }) => id === open.id) ?? open);
  const close = (event: Event) => {
    // Components inside the dialogue fire the same event when they close.
    if (event.target !== event.currentTarget) return;
    page.open = undefined;
    page.changed();
  };
  const label = file?.fileName ?? "Preview";
  // `live`: the dialogue closes itself, and may be opened for another file before the next rendering.
  return html`
    <wa-dialog class="preview" label=${label} ?open=${live(file !== undefined)} light-dismiss @wa-after-hide=${close} @keydown=${(e: KeyboardEvent) => keys(page, e)}>
      ${file ? body(page, file) : nothing}
    </wa-dialog>
  `;
}

function body(page: Page, file: StoredFile): TemplateResult {
  const remove = () => {
    page.open = undefined;
    page.remove([file.id]);
  };
  return html`
    <div class="stage">${keyed(file.url, content(page, file))}</div>
    <div class="row">
      <span class="hint">${file.contentType} · ${format.bytes(file.size)} · ${format.day(file.uploadedAt)}</span>
      <span class="actions">
        ${button("Previous file", "chevronLeft", () => step(page, -1), true)}
        ${button("Next file", "chevronRight", () => step(page, 1), true)}
        ${button("Download", "arrowDownTray", () => void page.download(file))}
        ${button("Copy link", "link", () => void page.copyLink(file))}
        ${button("Delete", "trash", remove)}
      </span>
    </div>
  `;
}

function content(page: Page, file: StoredFile): TemplateResult {
  const { url, fileName: name } = file;
  if (!url) return nothingToShow("This file has not been scanned yet, or must not be read.");
  const refresh = () => void page.library.refresh(file.id);
  switch (format.kind(file.contentType)) {
    case "image":
      return html`<img crossorigin="anonymous" src=${url} alt=${name} @error=${once(refresh)} />`;
    case "video":
      return html`<video crossorigin="anonymous" src=${url} controls playsinline aria-label=${name} @error=${once(refresh)}></video>`;
    case "audio":
      return html`<audio crossorigin="anonymous" src=${url} controls aria-label=${name} @error=${once(refresh)}></audio>`;
    case "pdf":
      // Most phones open PDFs in an app of their own.
      return navigator.pdfViewerEnabled
        ? html`<iframe src=${url} title=${name}></iframe>`
        : nothingToShow("This browser shows no PDF inside of a page. Download it to open it.");
    case "text":
      return html`
        ${until(textOf(url), html`<wa-spinner></wa-spinner>`)}
        ${file.size > TEXT_BYTES ? html`<p class="hint cut">The beginning of it. Download it for the rest.</p>` : nothing}
      `;
    default:
      return nothingToShow("There is no preview for this type. Download it to open it.");
  }
}

function nothingToShow(why: string): TemplateResult {
  return html`<p class="hint">${why}</p>`;
}

const TEXT_BYTES = 200_000;

/** The last text that was loaded. A rendering must not request it again. */
let read: { url: string; text: Promise<TemplateResult> } | undefined;

function textOf(url: string): Promise<TemplateResult> {
  if (read?.url !== url) read = { url, text: text(url) };
  return read.text;
}

async function text(url: string): Promise<TemplateResult> {
  try {
    const response = await fetch(url, { headers: { Range: `bytes=0-${TEXT_BYTES - 1}` } });
    // A range request for an empty file fails.
    if (response.status === 416) return nothingToShow("The file is empty.");
    if (!response.ok) throw new Error(String(response.status));
    const text = await response.text();
    return html`<pre tabindex="0">${text}</pre>`;
  } catch {
    return nothingToShow("The file cannot be read now. Close the preview and try again.");
  }
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}

function keys(page: Page, event: KeyboardEvent): void {
  const at = event.target as Element;
  // Players and text use the arrow keys themselves.
  if (at.matches("video, audio, pre")) return;
  if (event.key === "ArrowLeft") step(page, -1);
  if (event.key === "ArrowRight") step(page, 1);
}

function step(page: Page, by: number): void {
  const files = page.library.shown;
  const at = files.findIndex(({ id }) => id === page.open?.id);
  const next = files[at + by];
  if (!next) return;
  page.open = next;
  if (at + by > files.length - 5) void page.library.more();
  page.changed();
}
