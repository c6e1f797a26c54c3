/** The files and folders as a gallery or a list, with actions for one or many. */
import type { Retry } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { ref } from "lit/directives/ref.js";
import { repeat } from "lit/directives/repeat.js";
import * as format from "../format.ts";
import { icon } from "../icons.ts";
import { keyOf } from "../library.ts";
import { describe } from "../movement.ts";
import type { Page } from "../page.ts";
import { poster } from "../posters.ts";
import { button } from "./button.ts";
import { entry, moveTo } from "./entry.ts";
import { tries } from "./thumbnail.ts";
import { toolbar } from "./toolbar.ts";

export function library(page: Page): TemplateResult {
  const { library, rows, route } = page;
  const entries = library.shown;
  const isEmpty = isNew(page);
  const currentAt = Math.max(
    entries.findIndex((each) => keyOf(each) === page.current),
    0,
  );
  const hasFocus = document.activeElement?.closest(".files") !== null;
  const { placed, height } = rows.place(entries.length, route.view, hasFocus ? currentAt : -1);
  if (library.state === "more" && rows.isNearEnd) queueMicrotask(() => void library.more());
  const total = library.state === "end" ? entries.length : -1;
  return html`
    <section class="library" aria-labelledby="library-title">
      ${toolbar(page, isEmpty)}
      ${library.selected.size > 0 ? selection(page) : nothing}
      <ul class="files ${route.view} ${library.selected.size > 0 ? "selecting" : ""}" aria-label="Files and folders" style="height:${height}px" ${ref(attach(page))}
        @keydown=${(event: KeyboardEvent) => arrows(page, event)}>
        ${repeat(
          placed,
          ({ index }) => keyOf(entries[index] as (typeof entries)[number]),
          (place) => {
            const each = entries[place.index] as (typeof entries)[number];
            const { x, y, width, height } = place;
            const isCurrent = place.index === currentAt;
            const id = keyOf(each);
            const dependencies = [
              each.file ?? each.folder,
              library.selected.has(id),
              isCurrent,
              total,
              place.index,
              route.view,
              page.target !== undefined && page.target === each.folder,
              tries(id),
              tries(id, "preview"),
              poster(id),
            ];
            return html`
              <li class="entry ${each.file ? "file" : "folder"} ${library.selected.has(id) ? "selected" : ""} ${dependencies[6] ? "over" : ""}"
                data-key=${id} data-id=${each.file?.id ?? nothing} data-folder=${each.folder ?? nothing}
                aria-setsize=${total} aria-posinset=${place.index + 1}
                style="width:${width}px;height:${height}px;transform:translate(${x}px,${y}px)">
                ${guard(dependencies, () => entry(page, each, isCurrent))}
              </li>`;
          },
        )}
      </ul>
      ${end(page, entries.length)}
    </section>
  `;
}

/** The same function at each rendering: `ref` would call another one again. */
const attached = new WeakMap<Page, (element?: Element) => void>();

function attach(page: Page): (element?: Element) => void {
  let found = attached.get(page);
  if (!found) {
    found = (element) => page.rows.attach(element);
    attached.set(page, found);
  }
  return found;
}

/** Whether there is nothing at all, so that the page explains itself. */
export function isNew({ library, route }: Page): boolean {
  const { folder, q, type } = route;
  return library.state === "end" && library.shown.length === 0 && !folder && !q && !type;
}

function selection(page: Page): TemplateResult {
  const { library } = page;
  const files = library.files.filter(({ id }) => library.selected.has(id));
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const isAll = library.state === "end" && files.length === library.files.length;
  const what = library.isSelectingAll
    ? `Selecting: ${format.count(files.length, "file")} so far`
    : `${isAll && files.length > 1 ? "All " : ""}${format.count(files.length, "file")} selected, ${format.bytes(size)}`;
  const remove = () => {
    page.remove([...library.selected]);
    document.querySelector<HTMLElement>(".files [tabindex='0']")?.focus();
  };
  return html`
    <div class="selection card" role="group" aria-label="Selection">
      <span role="status">${what}</span>
      <span class="actions">
        ${isAll || library.isSelectingAll ? nothing : button("Select all", "checkCircle", () => void library.selectAll())}
        ${library.isSelectingAll ? nothing : button("Delete", "trash", remove)}
        ${button("Clear", "xMark", () => library.clearSelection())}
      </span>
    </div>
  `;
}

/** The arrow keys move through the entries. Only one of them is a stop of Tab: there may be thousands. */
function arrows(page: Page, event: KeyboardEvent): void {
  const { library, rows } = page;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const at = library.shown.findIndex((each) => keyOf(each) === page.current);
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -rows.columns,
    ArrowDown: rows.columns,
    Home: Number.NEGATIVE_INFINITY,
    End: Number.POSITIVE_INFINITY,
  };
  const by = steps[event.key];
  if (by === undefined || at < 0) return;
  event.preventDefault();
  const to = Math.min(Math.max(at + by, 0), library.shown.length - 1);
  const file = library.shown[to]?.file;
  if (event.shiftKey && file) {
    const from = library.shown[at]?.file;
    if (library.selected.size === 0 && from) library.toggle(from.id, true);
    library.selectTo(file.id);
  }
  moveTo(page, to);
}

/** A spinner, and after a failed request the reason why it takes longer. `what` is for screen readers. */
export function loading({ trouble }: Page["library"], what: string): TemplateResult {
  return html`
    <wa-spinner></wa-spinner>
    <p class=${trouble ? "hint" : "sr"} role="status">${trouble ? why(trouble) : what}</p>
  `;
}

function why(trouble: Retry): string {
  return navigator.onLine ? describe(trouble) : "You are offline. The list loads when the connection is back.";
}

/** The end of the list: says that more is loaded, or why there are no files. */
function end(page: Page, shown: number): TemplateResult | typeof nothing {
  const { library, route } = page;
  if (library.state === "failed") {
    return html`
      <div class="end" role="alert">
        <p>The files cannot be listed. ${library.problem?.message}</p>
        <wa-button appearance="outlined" @click=${() => void library.more()}>Try again</wa-button>
      </div>
    `;
  }
  if (library.state !== "end") return html`<div class="end">${loading(library, "Loading")}</div>`;
  if (shown > 0) return nothing;
  if (isNew(page)) return html`<div class="end"><p>Nothing here yet. What you upload appears here.</p></div>`;
  const why = route.q
    ? "No name contains this."
    : route.type
      ? "Nothing of this type here."
      : "Nothing in this folder. Files that you drop here begin it.";
  return html`
    <div class="end empty">
      <span class="icon large">${icon(route.q ? "magnifyingGlass" : "folder")}</span>
      <p>${why}</p>
    </div>
  `;
}
