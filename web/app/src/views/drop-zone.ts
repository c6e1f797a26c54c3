/** Adds files: by a drop anywhere, a paste, or one of two buttons. */
import { html, type TemplateResult } from "lit";
import { icon } from "../icons.ts";
import type { Page } from "../page.ts";

export function dropZone(page: Page): TemplateResult {
  return html`
    <section class="drop card ${page.dragging ? "over" : ""}" aria-label="Add files">
      <span class="icon large">${icon("arrowUpTray")}</span>
      <p><strong>${page.dragging ? "Let go to upload" : "Drop files or folders here"}</strong>, or paste them.</p>
      <div class="actions">
        <wa-button variant="brand" @click=${() => page.choose(false)}>Choose files</wa-button>
        <wa-button appearance="outlined" @click=${() => page.choose(true)}>
          <span class="icon" slot="start">${icon("folderPlus")}</span>Folder
        </wa-button>
      </div>
    </section>
  `;
}
