/** The thumbnail of a file: its own picture, or the icon of its kind. */
import type { StoredFile } from "@slipway/client";
import { html, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { kind } from "../format.ts";
import { type IconName, icon } from "../icons.ts";
import type { Page } from "../page.ts";

const ICONS: Record<ReturnType<typeof kind>, IconName> = {
  image: "photo",
  video: "film",
  audio: "musicalNote",
  pdf: "documentText",
  text: "documentText",
  other: "document",
};

/** Larger pictures are not used as thumbnails. */
const LARGEST = 30_000_000;

/** URLs that failed. Each is replaced once; a second failure means that the file is not a picture. */
const broken = new Map<string, number>();

/** How often a file has failed. */
export function tries({ id }: StoredFile): number {
  return broken.get(id) ?? 0;
}

export function thumbnail(page: Page, file: StoredFile): TemplateResult {
  const what = kind(file.contentType);
  const failures = tries(file);
  const small = what === "video" || file.size <= LARGEST;
  if (!file.url || failures > 1 || !small || (what !== "image" && what !== "video")) {
    return html`<span class="icon thumb ${what}">${icon(ICONS[what])}</span>`;
  }
  const failed = async () => {
    broken.set(file.id, failures + 1);
    // The URL may have expired. If a fresh one is the same, the file is not a picture.
    const fresh = failures === 0 ? await page.library.refresh(file.id) : undefined;
    if (!fresh || fresh === file.url) broken.set(file.id, 2);
    page.changed();
  };
  // `crossorigin`: a response that was cached without CORS headers would break a later fetch of the same URL.
  const picture =
    what === "image"
      ? html`<img class="thumb" crossorigin="anonymous" loading="lazy" decoding="async" alt="" src=${file.url} @error=${failed} />`
      : html`<video class="thumb" crossorigin="anonymous" preload="metadata" muted playsinline tabindex="-1" aria-hidden="true"
            src="${file.url}#t=0.1" @error=${failed}></video>`;
  return html`${keyed(file.url, picture)}`;
}
