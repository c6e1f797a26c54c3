/** The unfinished uploads, which can be resumed or discarded. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import * as format from "../format.ts";
import { plain, shown } from "../names.ts";
import type { Page } from "../page.ts";
import type { Left } from "../unfinished.ts";
import { bare } from "./button.ts";

export function unfinished(page: Page): TemplateResult | typeof nothing {
  const queued = new Set(page.uploads.snapshot.uploads.map(({ uploadId }) => uploadId));
  const left = page.unfinished.shown(queued);
  if (left.length === 0) return nothing;
  return html`
    <section class="queue card" aria-labelledby="unfinished-title">
      <h2 id="unfinished-title">Unfinished uploads</h2>
      <p class="hint">Choose the same file again to resume its upload. Only the missing parts are sent.</p>
      <ul class="items" aria-label="Unfinished uploads">
        ${repeat(
          left,
          ({ upload }) => upload.id,
          (each) => row(page, each),
        )}
      </ul>
    </section>
  `;
}

function row(page: Page, left: Left): TemplateResult {
  const { upload, there } = left;
  const { fileName, size } = upload;
  const name = plain(fileName);
  return html`
    <li class="item">
      <span class="file-name" title=${name}>${shown(fileName)}</span>
      <span class="status">${status(left)}</span>
      <span class="actions">
        <button class="link" aria-label="Choose file ${name} to resume" @click=${() => page.resume(upload)}>Choose file</button>
        ${bare(`Discard ${name}`, "trash", () => page.discard(left))}
      </span>
      <wa-progress-bar value=${(100 * (there ?? 0)) / size} label=${name}></wa-progress-bar>
    </li>
  `;
}

function status({ upload: { size, createdAt }, there }: Left): string {
  const have = there === undefined ? format.bytes(size) : `${format.bytes(there)} of ${format.bytes(size)} there`;
  return `${have} · ${format.day(createdAt)}`;
}
