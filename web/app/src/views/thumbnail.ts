/** The thumbnail of a file: its preview, its own picture, or the icon of its kind. */
import type { StoredFile } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { ref } from "lit/directives/ref.js";
import { kind } from "../format.ts";
import { type IconName, icon } from "../icons.ts";
import type { Page } from "../page.ts";
import { poster, unwanted, wanted } from "../posters.ts";

const ICONS: Record<ReturnType<typeof kind>, IconName> = {
  image: "photo",
  video: "film",
  audio: "musicalNote",
  pdf: "documentText",
  text: "documentText",
  other: "document",
};

/** Larger pictures are not used as thumbnails of themselves, in bytes. */
const LARGEST = 10_000_000;

/** The same while the server may still make a preview. */
const LARGEST_BEFORE_PREVIEW = 300_000;

/** How often the picture of a file has failed: once, its URL may have expired; twice, it is not a picture. */
const broken = new Map<string, number>();

/** How often the picture itself could not be shown, or its preview. After two failures it is not requested again. */
export function tries(id: string, what: "file" | "preview" = "file"): number {
  return broken.get(`${what} ${id}`) ?? 0;
}

export function thumbnail(page: Page, file: StoredFile): TemplateResult {
  const what = kind(file.contentType);
  const largest = page.previews.isAwaited(file.id) ? LARGEST_BEFORE_PREVIEW : LARGEST;
  // Deployments without previews, and older ones, send no URL.
  if (file.previewUrl && tries(file.id, "preview") < 2) return picture(page, file, file.previewUrl);
  if (tries(file.id) < 2) {
    if (what === "image" && file.url && file.size <= largest) return picture(page, file, file.url);
    if (what === "video" && file.url) return video(page, file, file.url);
  }
  return symbol(file);
}

function symbol(file: StoredFile, more: unknown = nothing): TemplateResult {
  const what = kind(file.contentType);
  // Text, code, tables and archives share an icon, and differ by this.
  const extension = /\.([a-z0-9]{1,5})$/i.exec(file.fileName)?.[1];
  return html`
    <span class="thumb ${what}" ${more}>
      <span class="icon">${icon(ICONS[what])}</span>
      ${extension ? html`<span class="extension" aria-hidden="true">${extension.toLowerCase()}</span>` : nothing}
    </span>
  `;
}

/** Handles a failed load of `url`, the address of the file or of its preview. */
export async function failed(page: Page, file: StoredFile, url: string): Promise<void> {
  const what = url === file.previewUrl ? "preview" : "file";
  const failures = tries(file.id, what) + 1;
  const count = (to: number) => broken.set(`${what} ${file.id}`, to);
  count(failures);
  // The URL may have expired. If a fresh one is the same, the file is not a picture.
  const fresh = failures === 1 ? await page.library.renew(file.id) : undefined;
  if (!fresh || [fresh.previewUrl, fresh.url].includes(url)) count(2);
  page.changed();
}

function picture(page: Page, file: StoredFile, url: string): TemplateResult {
  // `crossorigin`: a response that was cached without CORS headers would break a later fetch of the same URL.
  const image = html`<img class="thumb" crossorigin="anonymous" decoding="async" alt="" src=${url} @error=${() => void failed(page, file, url)} />`;
  return html`${keyed(url, image)}`;
}

/** The poster, or the icon until it is made. The list renders little more than what is visible. */
function video(page: Page, file: StoredFile, url: string): TemplateResult {
  const { id } = file;
  const made = poster(id);
  if (made) return html`<img class="thumb" alt="" src=${made} /><span class="badge icon">${icon("play")}</span>`;
  let observer: IntersectionObserver | undefined;
  const watch = (element?: Element) => {
    observer?.disconnect();
    if (!element) return unwanted(id);
    observer = new IntersectionObserver(([seen]) => {
      if (seen?.isIntersecting) wanted(id, url, page.changed);
      else unwanted(id);
    });
    observer.observe(element);
  };
  return symbol(file, made === undefined ? ref(watch) : nothing);
}
