/** The menu of a file, at the pointer or below its button. */
import { html, nothing, type TemplateResult } from "lit";
import * as format from "../format.ts";
import { type IconName, icon } from "../icons.ts";
import { keyOf } from "../library.ts";
import { plain } from "../names.ts";
import type { Page } from "../page.ts";
import { moveTo } from "./entry.ts";

export function menu(page: Page): TemplateResult | typeof nothing {
  const { menu } = page;
  if (!menu) return nothing;
  const { file, x, y, opener } = menu;
  const { selected } = page.library;
  // The menu of a selected file deletes the whole selection, as the Delete key does.
  const ids = selected.has(file.id) ? [...selected] : [file.id];
  const items: [IconName, string, () => void][] = [
    ["photo", "Open", () => page.show(file)],
    ["arrowDownTray", "Download", () => void page.download(file)],
    ["link", "Copy link", () => void page.copyLink(file)],
    ["pencil", "Rename", () => panel("rename")],
    ["informationCircle", "Details", () => panel("details")],
    ["checkCircle", "Select", () => page.library.toggle(file.id, true)],
    ["trash", ids.length > 1 ? `Delete ${format.count(ids.length, "file")}` : "Delete", () => remove()],
  ];
  const panel = (kind: "details" | "rename") => {
    page.panel = { kind, file };
  };
  const remove = () => {
    const at = page.library.shown.findIndex((each) => keyOf(each) === file.id);
    page.remove(ids);
    // Otherwise the focus would move to the top of the page. From here, one Tab leads to Undo.
    moveTo(page, Math.min(at, page.library.shown.length - 1), ".actions .bare:last-child");
  };
  let isChosen = false;
  const select = (event: CustomEvent<{ item: HTMLElement }>) => {
    isChosen = true;
    const run = items.find(([, label]) => label === event.detail.item.getAttribute("value"))?.[2];
    page.menu = undefined;
    opener?.focus({ preventScroll: true });
    run?.();
    page.draw();
  };
  const hidden = () => {
    if (isChosen || page.menu !== menu) return;
    page.menu = undefined;
    opener?.focus({ preventScroll: true });
    page.draw();
  };
  return html`
    <wa-dropdown class="menu" open aria-label="Actions for ${plain(file.fileName)}" @wa-select=${select} @wa-after-hide=${hidden}>
      <button slot="trigger" class="point" tabindex="-1" aria-hidden="true" style="left:${x}px;top:${y}px"></button>
      ${items.map(
        ([name, label]) => html`
          <wa-dropdown-item value=${label} variant=${name === "trash" ? "danger" : "default"}>
            <span class="icon" slot="icon">${icon(name)}</span>${label}
          </wa-dropdown-item>
        `,
      )}
    </wa-dropdown>
  `;
}
