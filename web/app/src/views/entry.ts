/** One file or folder. */
import type { StoredFile } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import * as format from "../format.ts";
import { icon } from "../icons.ts";
import { type Entry, keyOf } from "../library.ts";
import { lastOf, plain, shown } from "../names.ts";
import type { Page } from "../page.ts";
import { bare } from "./button.ts";
import { thumbnail } from "./thumbnail.ts";

export function entry(page: Page, each: Entry, isCurrent: boolean): TemplateResult {
  const tab = isCurrent ? "0" : "-1";
  return each.file ? file(page, each.file, tab) : folder(page, each.folder, tab);
}

/** Moves the focus to an entry, which may have to be scrolled to. */
export function moveTo(page: Page, index: number, inside = ".open"): void {
  const target = page.library.shown[index];
  if (!target) return;
  page.current = keyOf(target);
  page.rows.show(index);
  page.draw();
  focusEntry(page.current, inside);
}

/** Focuses an entry that is rendered now, or in the next frame because of scrolling. */
export function focusEntry(key: string, inside = ".open"): void {
  const find = () => document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"] ${inside}`);
  const now = find();
  if (now) now.focus({ preventScroll: true });
  else requestAnimationFrame(() => find()?.focus({ preventScroll: true }));
}

function folder(page: Page, path: string, tab: string): TemplateResult {
  const name = lastOf(path);
  const open = () => page.go({ folder: path });
  return html`
    <button class="open" tabindex=${tab} @click=${open} @focus=${focused(page, `${path}/`)} aria-label="Open folder ${plain(name)}">
      <span class="icon thumb folder">${icon("folder")}</span>
    </button>
    <span class="file-name" title=${plain(name)}>${shown(name)}</span>
    <span class="meta size">Folder</span>
  `;
}

function file(page: Page, file: StoredFile, tab: string): TemplateResult {
  const { library, route } = page;
  const { id, fileName } = file;
  // In a folder, the folder's own path would only repeat itself.
  const isInFolder = library.isByName && !route.type;
  const name = isInFolder ? fileName.slice(route.folder.length) : fileName;
  const label = plain(name);
  const check = (event: MouseEvent) => {
    const box = event.currentTarget as HTMLInputElement;
    if (event.shiftKey) library.selectTo(id);
    else library.toggle(id, box.checked);
    // The browser has changed the box itself, so that a rendering may find nothing to change.
    box.checked = library.selected.has(id);
    page.draw();
  };
  const open = (event: MouseEvent) => {
    if (event.shiftKey) library.selectTo(id);
    else if (event.ctrlKey || event.metaKey) library.toggle(id);
    else page.show(file);
  };
  const menu = (event: Event) => {
    const opener = event.currentTarget as HTMLElement;
    const { left, bottom } = opener.getBoundingClientRect();
    page.menu = { file, x: left, y: bottom, opener };
    page.draw();
  };
  const onMenu = (event: MouseEvent) => {
    event.preventDefault();
    const opener = event.target as HTMLElement;
    const { left, bottom } = opener.getBoundingClientRect();
    // From the keyboard there is no position of a pointer.
    const isPointer = event.clientX > 0 || event.clientY > 0;
    page.menu = { file, x: isPointer ? event.clientX : left, y: isPointer ? event.clientY : bottom, opener };
    page.draw();
  };
  return html`
    <label class="check">
      <input type="checkbox" tabindex=${tab} aria-label="Select ${label}" .checked=${library.selected.has(id)}
        @click=${check} @focus=${focused(page, id)} />
    </label>
    <button class="open" tabindex=${tab} aria-label="Open ${label}" @click=${open} @focus=${focused(page, id)} @contextmenu=${onMenu}>
      ${thumbnail(page, file)}
    </button>
    <span class="file-name" title=${label}>${shown(name)}</span>
    <span class="meta size">${format.bytes(file.size)}</span>
    <span class="meta time">${format.day(file.uploadedAt)}</span>
    <span class="actions">
      ${
        route.view === "list"
          ? html`
              ${bare(`Download ${label}`, "arrowDownTray", () => void page.download(file), tab)}
              ${bare(`Copy link to ${label}`, "link", () => void page.copyLink(file), tab)}
            `
          : nothing
      }
      ${bare(`More for ${label}`, "ellipsisVertical", menu, tab)}
    </span>
  `;
}

function focused(page: Page, key: string): () => void {
  return () => {
    if (page.current === key) return;
    page.current = key;
    page.changed();
  };
}
