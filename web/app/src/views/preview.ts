/** The preview of one file. The arrow keys show its neighbours. */
import type { StoredFile } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { live } from "lit/directives/live.js";
import * as format from "../format.ts";
import { icon } from "../icons.ts";
import { plain, shown } from "../names.ts";
import type { Page } from "../page.ts";
import { poster } from "../posters.ts";
import { bare, button } from "./button.ts";
import { failed, tries } from "./thumbnail.ts";

export function preview(page: Page): TemplateResult {
  const { open } = page;
  // The list may have a newer URL.
  const file = open && (page.library.find(open.id) ?? open);
  const close = (event: Event) => {
    // Components inside the dialogue fire the same event when they close.
    if (event.target === event.currentTarget) page.show(undefined);
  };
  const label = file ? plain(file.fileName) : "Preview";
  // `live`: the dialogue closes itself, and may be opened for another file before the next rendering.
  return html`
    <wa-dialog class="preview" label=${label} ?open=${live(file !== undefined)} light-dismiss @wa-after-hide=${close} @keydown=${(e: KeyboardEvent) => keys(page, e)}>
      ${file ? html`<span slot="label" class="title">${shown(file.fileName)}</span>${body(page, file)}` : nothing}
    </wa-dialog>
  `;
}

function body(page: Page, file: StoredFile): TemplateResult {
  const details = () => {
    page.panel = { kind: "details", file };
    page.show(undefined);
  };
  const at = page.library.files.findIndex(({ id }) => id === file.id);
  const count = page.library.files.length;
  return html`
    <div class="stage">${keyed(`${file.url} ${tries(file.id)}`, content(page, file))}</div>
    <div class="row">
      <span class="steps">
        ${bare("Previous file", "chevronLeft", () => step(page, -1))}
        ${bare("Next file", "chevronRight", () => step(page, 1))}
      </span>
      <span class="hint">
        ${at >= 0 && count > 1 ? `${format.number(at + 1)} of ${format.number(count)} · ` : nothing}${format.bytes(file.size)} · ${format.day(file.uploadedAt)}
      </span>
      <span class="actions">
        ${button("Download", "arrowDownTray", () => void page.download(file))}
        ${button("Copy link", "link", () => void page.copyLink(file))}
        ${button("Details", "informationCircle", details)}
        ${button("Delete", "trash", () => remove(page, file))}
      </span>
    </div>
  `;
}

function remove(page: Page, file: StoredFile): void {
  page.show(undefined);
  page.remove([file.id]);
}

function content(page: Page, file: StoredFile): TemplateResult {
  const { url, fileName } = file;
  const name = plain(fileName);
  if (!url) return nothingToShow("This file has not been scanned yet, or must not be read.");
  if (file.size === 0) return nothingToShow("The file is empty.");
  const renew = () => void page.library.renew(file.id);
  switch (format.kind(file.contentType)) {
    case "image":
      return tries(file.id) < 2
        ? html`<img crossorigin="anonymous" src=${url} alt=${name} @error=${() => void failed(page, file, url)} />`
        : nothingToShow(
            "This picture is damaged, or of a kind that this browser does not show. Download it to open it.",
          );
    case "video":
      return html`<video crossorigin="anonymous" src=${url} controls playsinline preload="metadata" poster=${poster(file.id) || nothing} aria-label=${name} @error=${once(renew)}></video>`;
    case "audio":
      return html`<audio crossorigin="anonymous" src=${url} controls aria-label=${name} @error=${once(renew)}></audio>`;
    case "pdf":
      // Most phones open PDFs in an app of their own.
      return navigator.pdfViewerEnabled
        ? html`
            <iframe src=${url} title=${name}></iframe>
            <a class="in-tab" href=${url} target="_blank" rel="noopener"><span class="icon">${icon("arrowTopRightOnSquare")}</span>Open in a tab</a>
          `
        : nothingToShow("This browser shows no PDF inside of a page. Download it to open it.");
    case "text":
      return html`
        ${textOf(page, url) ?? html`<wa-spinner></wa-spinner>`}
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

/** The text of the last URL, absent while it is loaded. A rendering must not request it again. */
let read: { url: string; text?: TemplateResult } | undefined;

// Not `until`: `keyed` does not disconnect it, so it would render into a preview that is closed.
function textOf(page: Page, url: string): TemplateResult | undefined {
  if (read?.url !== url) {
    const loading: typeof read = { url };
    read = loading;
    void text(url).then((loaded) => {
      loading.text = loaded;
      page.changed();
    });
  }
  return read.text;
}

async function text(url: string): Promise<TemplateResult> {
  try {
    const response = await fetch(url, { headers: { Range: `bytes=0-${TEXT_BYTES - 1}` } });
    // A range request for an empty file fails.
    if (response.status === 404) return nothingToShow("This file does not exist any more.");
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

/**
 * A click into a PDF moves the keyboard into its frame, where the page hears neither Escape nor the arrow keys. The
 * focus is taken back at once: the PDF can be scrolled and zoomed by the pointer, and Tab still goes into it.
 */
export function keepKeyboard(): void {
  let isTab = false;
  window.addEventListener("keydown", ({ key }) => {
    isTab = key === "Tab";
  });
  window.addEventListener("keyup", () => {
    isTab = false;
  });
  window.addEventListener("blur", () => {
    setTimeout(() => {
      const frame = document.activeElement;
      if (isTab || !frame?.matches(".stage iframe")) return;
      document.querySelector<HTMLElement>(".preview .steps .bare")?.focus({ preventScroll: true });
    });
  });
}

function keys(page: Page, event: KeyboardEvent): void {
  const at = event.target as Element;
  // Players and text use the arrow keys themselves.
  if (at.matches("video, audio, pre")) return;
  if (event.key === "ArrowLeft") step(page, -1);
  if (event.key === "ArrowRight") step(page, 1);
  const { open } = page;
  if (event.key !== "Delete" || !open) return;
  // The page's own handler would delete the selection behind the preview as well.
  event.preventDefault();
  remove(page, open);
}

function step(page: Page, by: number): void {
  const { files } = page.library;
  const at = files.findIndex(({ id }) => id === page.open?.id);
  const next = files[at + by];
  if (!next) return;
  if (at + by > files.length - 5) void page.library.more();
  page.show(next);
}
