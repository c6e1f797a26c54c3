/** The bar above the files: where one is, search, type, order and look. */
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { icon } from "../icons.ts";
import { lastOf, shown } from "../names.ts";
import type { Page } from "../page.ts";
import type { Route } from "../route.ts";
import { bare } from "./button.ts";
import { addButtons } from "./drop-zone.ts";

const TYPES = [
  ["", "All types"],
  ["image/", "Images"],
  ["video/", "Videos"],
  ["audio/", "Audio"],
  ["application/pdf", "PDF"],
  ["text/", "Text"],
] as const;

const ORDERS = [
  ["name", "Folders, by name"],
  ["newest", "All files, newest first"],
] as const;

/** How long a search waits for the next letter. */
const TYPING_MS = 250;
let typing: ReturnType<typeof setTimeout> | undefined;
/** What was typed and is not in the route yet. */
let draft: string | undefined;

export function toolbar(page: Page, isEmpty: boolean): TemplateResult {
  const { route } = page;
  const search = (event: Event) => {
    const q = (event.target as HTMLInputElement).value;
    draft = q;
    clearTimeout(typing);
    typing = setTimeout(() => {
      draft = undefined;
      page.go({ q }, { replace: route.q !== "" });
    }, TYPING_MS);
  };
  const choose = (name: "type" | "sort") => (event: Event) =>
    page.go({ [name]: (event.target as HTMLSelectElement).value } as Partial<Route>);
  return html`
    <div class="bar place">
      ${where(page)}
      ${isEmpty ? nothing : addButtons(page)}
    </div>
    <div class="bar" role="search" aria-label="Files">
      <div class="search">
        <span class="icon">${icon("magnifyingGlass")}</span>
        <input type="search" aria-label="Search all files by name" placeholder="Search by name" maxlength="200"
          .value=${live(draft ?? route.q)} @input=${search} />
      </div>
      <div class="choices">
        <select aria-label="Type" .value=${live(route.type)} @change=${choose("type")}>
          ${TYPES.map(([value, label]) => html`<option value=${value} ?selected=${route.type === value}>${label}</option>`)}
        </select>
        <select aria-label="Order" ?disabled=${route.q !== ""} @change=${choose("sort")}>
          ${ORDERS.map(([value, label]) => html`<option value=${value} ?selected=${route.sort === value}>${label}</option>`)}
        </select>
        <span class="actions" role="group" aria-label="View">
          ${toggle(page, "grid", "Gallery")} ${toggle(page, "list", "List")}
          ${bare("Refresh", "arrowPath", () => void page.library.refresh())}
        </span>
      </div>
    </div>
  `;
}

/** The path of the folder, each part of which is a way back and takes drops. */
function where(page: Page): TemplateResult {
  const { folder, q, sort } = page.route;
  if (q || sort === "newest") return html`<h2 id="library-title">${q ? "Search" : "All files"}</h2>`;
  const parts = folder.split("/").slice(0, -1);
  const crumbs = parts.map((_, n) => `${parts.slice(0, n + 1).join("/")}/`);
  const crumb = (to: string, name: unknown) =>
    to === folder
      ? html`<li><span class="here" aria-current="page">${name}</span></li>`
      : html`<li><a href=${`?folder=${encodeURIComponent(to)}`} data-folder=${to} @click=${follow(page, to)}>${name}</a></li>`;
  return html`
    <h2 class="sr" id="library-title">Files</h2>
    <nav aria-label="Folder"><ol class="crumbs">
      ${crumb("", "Files")}${crumbs.map((to) => crumb(to, shown(lastOf(to))))}
    </ol></nav>
  `;
}

/** A click goes there without loading the page again; with a modifier it is the browser's. */
function follow(page: Page, folder: string): (event: MouseEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    page.go({ folder });
  };
}

function toggle(page: Page, view: Route["view"], label: string): TemplateResult {
  return html`
    <button class="toggle" aria-pressed=${page.route.view === view} aria-label=${label} title=${label}
      @click=${() => page.go({ view }, { replace: true })}>
      <span class="icon">${icon(view === "grid" ? "squares2x2" : "listBullet")}</span>
    </button>
  `;
}
