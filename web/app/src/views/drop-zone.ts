/** Adds files: by a drop anywhere, a paste, or one of two buttons. */
import { html, nothing, type TemplateResult } from "lit";
import { icon } from "../icons.ts";
import { lastOf, shown } from "../names.ts";
import type { Page } from "../page.ts";

/** The invitation of an empty library. A full one has the buttons in its bar. */
export function dropZone(page: Page): TemplateResult {
  return html`
    <section class="drop card" aria-label="Add files">
      <span class="icon large">${icon("arrowUpTray")}</span>
      <p class="by-drop"><strong>Drop files or folders anywhere</strong>, or paste them.</p>
      ${addButtons(page)}
    </section>
  `;
}

export function addButtons(page: Page): TemplateResult {
  return html`
    <div class="actions add">
      <wa-button variant="brand" @click=${() => page.choose(false)}>
        <span class="icon" slot="start">${icon("arrowUpTray")}</span>Choose files
      </wa-button>
      <wa-button appearance="outlined" @click=${() => page.choose(true)}>
        <span class="icon" slot="start">${icon("folderPlus")}</span>Folder
      </wa-button>
    </div>
  `;
}

/** What lights up over the whole window while files are dragged over it. */
export function dropTarget({ target }: Page): TemplateResult | typeof nothing {
  if (target === undefined) return nothing;
  const where = target ? html`into ${shown(lastOf(target))}` : nothing;
  return html`
    <div class="drop-target">
      <p class="card"><span class="icon">${icon("arrowUpTray")}</span><span>Let go to upload ${where}</span></p>
    </div>
  `;
}
