/** The files as a gallery or a list, with actions for one or many. */
import type { StoredFile } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { ref } from "lit/directives/ref.js";
import { repeat } from "lit/directives/repeat.js";
import * as format from "../format.ts";
import { icon } from "../icons.ts";
import type { Page } from "../page.ts";
import { button } from "./queue.ts";
import { thumbnail, tries } from "./thumbnail.ts";

const FILTERS = [
  ["", "All"],
  ["image/", "Images"],
  ["video/", "Videos"],
  ["audio/", "Audio"],
  ["application/pdf", "PDF"],
  ["text/", "Text"],
] as const;

export function library(page: Page): TemplateResult {
  const { library, view } = page;
  const files = library.shown;
  return html`
    <section class="library" aria-labelledby="library-title">
      <div class="bar">
        <h2 id="library-title">Files</h2>
        <label class="sr" for="filter">Type</label>
        <select id="filter" @change=${(e: Event) => void library.reload((e.target as HTMLSelectElement).value)}>
          ${FILTERS.map(([value, label]) => html`<option value=${value} ?selected=${library.filter === value}>${label}</option>`)}
        </select>
        <span class="actions" role="group" aria-label="View">
          ${toggle(page, "grid", "Gallery")} ${toggle(page, "list", "List")}
        </span>
      </div>
      ${library.selected.size > 0 ? selection(page) : nothing}
      <ul class="files ${view}" aria-label="Files">
        ${repeat(
          files,
          ({ id }) => id,
          // A file is rendered again only if it has changed: there may be thousands.
          (file) => guard([file, library.selected.has(file.id), tries(file)], () => entry(page, file)),
        )}
      </ul>
      ${end(page, files.length)}
    </section>
  `;
}

function toggle(page: Page, view: Page["view"], label: string): TemplateResult {
  const on = page.view === view;
  const choose = () => {
    page.view = view;
    localStorage.setItem("slipway-view", view);
    page.changed();
  };
  return html`
    <button class="toggle" aria-pressed=${on} aria-label=${label} title=${label} @click=${choose}>
      <span class="icon">${icon(view === "grid" ? "squares2x2" : "listBullet")}</span>
    </button>
  `;
}

function selection(page: Page): TemplateResult {
  const { library } = page;
  const files = library.shown.filter(({ id }) => library.selected.has(id));
  const size = files.reduce((sum, file) => sum + file.size, 0);
  return html`
    <div class="selection card" role="group" aria-label="Selection">
      <span role="status">${format.count(files.length, "file")} selected, ${format.bytes(size)}</span>
      <span class="actions">
        ${button("Select all", "checkCircle", () => library.selectAll(true))}
        ${button("Delete", "trash", () => page.remove([...library.selected]))}
        ${button("Clear", "xMark", () => library.selectAll(false))}
      </span>
    </div>
  `;
}

function entry(page: Page, file: StoredFile): TemplateResult {
  const { library } = page;
  const selected = library.selected.has(file.id);
  const name = file.fileName;
  const open = () => {
    page.open = file;
    page.changed();
  };
  return html`
    <li class="file ${selected ? "selected" : ""}" data-id=${file.id}>
      <input
        type="checkbox"
        aria-label="Select ${name}"
        .checked=${selected}
        @change=${(event: Event) => library.toggle(file.id, (event.target as HTMLInputElement).checked)}
      />
      <button class="open" @click=${open} aria-label="Open ${name}">${thumbnail(page, file)}</button>
      <span class="file-name" dir="auto" title=${name}>${name}</span>
      <span class="meta size">${format.bytes(file.size)}</span>
      <span class="meta time">${format.day(file.uploadedAt)}</span>
      <span class="actions">
        ${button(`Download ${name}`, "arrowDownTray", () => void page.download(file), true)}
        ${button(`Copy link to ${name}`, "link", () => void page.copyLink(file), true)}
        ${button(`Delete ${name}`, "trash", () => remove(page, file), true)}
      </span>
    </li>
  `;
}

function remove(page: Page, { id }: StoredFile): void {
  const gone = document.activeElement?.closest(".file");
  const neighbour = gone?.nextElementSibling ?? gone?.previousElementSibling;
  page.remove([id]);
  // Otherwise the focus would move to the top of the page.
  neighbour?.querySelector<HTMLElement>(".open")?.focus();
}

/** The end of the list: loads the next page when it becomes visible, or says why there are no files. */
function end(page: Page, shown: number): TemplateResult | typeof nothing {
  const { library } = page;
  if (library.state === "failed") {
    return html`
      <div class="end" role="alert">
        <p>The files cannot be listed. ${library.problem}</p>
        <wa-button appearance="outlined" @click=${() => void library.more()}>Try again</wa-button>
      </div>
    `;
  }
  if (library.state === "loading")
    return html`<div class="end"><wa-spinner></wa-spinner><span class="sr">Loading</span></div>`;
  if (library.state === "more") return html`<div class="end" ${ref((element) => watch(page, element))}></div>`;
  if (shown > 0) return nothing;
  return html`
    <div class="end empty">
      <span class="icon large">${icon("photo")}</span>
      <p>${library.filter ? "Nothing of this type here." : "Nothing here yet. What you upload appears here."}</p>
    </div>
  `;
}

let watcher: IntersectionObserver | undefined;

function watch(page: Page, element?: Element): void {
  watcher?.disconnect();
  if (!element) return;
  const seen = (entries: IntersectionObserverEntry[]) => {
    if (entries.some(({ isIntersecting }) => isIntersecting)) void page.library.more();
  };
  watcher = new IntersectionObserver(seen, { rootMargin: "800px" });
  watcher.observe(element);
}
