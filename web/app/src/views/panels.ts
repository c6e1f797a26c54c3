/** The dialogues of a file, and the question before signing out. */
import type { StoredFile } from "@slipway/client";
import { html, type LitElement, nothing, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import * as format from "../format.ts";
import { keyOf } from "../library.ts";
import { folderOf, shown } from "../names.ts";
import type { Page, Panel } from "../page.ts";
import { moveTo } from "./entry.ts";
import { link } from "./link.ts";

export function panels(page: Page): TemplateResult {
  const { panel } = page;
  const close = (event: Event) => {
    if (event.target !== event.currentTarget) return;
    page.panel = undefined;
    page.draw();
  };
  return html`
    ${
      panel?.kind === "details"
        ? html`<wa-drawer class="details" label="Details" open light-dismiss @wa-after-hide=${close}>${details(page, panel.file)}</wa-drawer>`
        : nothing
    }
    ${panel?.kind === "rename" ? rename(page, panel, close) : nothing}
    ${panel?.kind === "sign-out" ? leave(page, close) : nothing}
    ${panel?.kind === "cancel-all" ? cancelAll(page, close) : nothing}
  `;
}

/**
 * Focuses the element with `autofocus`. The component does this only if it is opened after its first rendering, and of
 * the browsers only Chromium looks for `autofocus` in what is slotted into a dialogue.
 */
function focusFirst(dialog?: Element): void {
  void (dialog as LitElement | undefined)?.updateComplete.then(() =>
    dialog?.querySelector<HTMLElement>("[autofocus]")?.focus(),
  );
}

/** All that is known of a file. */
function details(page: Page, file: StoredFile): TemplateResult {
  const { fileName, contentType, size, uploadedAt, rule, metadata = {}, checksumSha256, checksumCrc64nvme, id } = file;
  const row = (name: string, value: unknown) => (value ? html`<dt>${name}</dt><dd>${value}</dd>` : nothing);
  const exact = size >= 1000 ? `${format.bytes(size)} (${format.count(size, "byte")})` : format.bytes(size);
  const entries = Object.entries(metadata);
  return html`
    <dl>
      ${row("Name", shown(fileName))} ${row("Type", contentType)} ${row("Size", exact)}
      ${row("Uploaded", format.day(uploadedAt))} ${row("Rule", rule)}
      ${row("Access", file.url ? "" : "Not readable: it waits for the virus scan, or was found to be dangerous")}
      ${row("SHA-256", checksumSha256 && html`<code>${checksumSha256}</code>`)}
      ${row("CRC-64/NVME", checksumCrc64nvme && html`<code>${checksumCrc64nvme}</code>`)}
      ${row("ID", html`<code>${id}</code>`)}
    </dl>
    ${link(page, file)}
    <h3>Metadata</h3>
    ${
      entries.length > 0
        ? html`<dl>${entries.map(([key, value]) => row(key, shown(value)))}</dl>`
        : html`<p class="hint">The application that uploaded it has added none.</p>`
    }
  `;
}

/** The most bytes of a name. */
const NAME_BYTES = 768;

/** Why a name cannot be stored; empty if it can. */
export function faultOf(name: string): string {
  if (!name.trim() || name.endsWith("/")) return "A file needs a name.";
  const bytes = new TextEncoder().encode(name).length;
  return bytes > NAME_BYTES ? `This name is too long: ${bytes} of at most ${NAME_BYTES} bytes.` : "";
}

function rename(page: Page, panel: Extract<Panel, { kind: "rename" }>, close: (event: Event) => void): TemplateResult {
  const { file, problem, isBusy } = panel;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget as HTMLFormElement).get("name") ?? "");
    const draw = (change: Partial<typeof panel>) => {
      page.panel = { ...panel, ...change };
      page.draw();
    };
    const fault = faultOf(name);
    if (fault) return draw({ problem: fault });
    draw({ isBusy: true, problem: undefined });
    try {
      if (name !== file.fileName) await page.rename(file, name);
      page.panel = undefined;
      page.draw();
      // The renamed file has the focus, wherever it is now.
      const at = page.library.shown.findIndex((each) => keyOf(each) === file.id);
      moveTo(page, Math.max(at, 0));
    } catch (error) {
      draw({ isBusy: false, problem: (error as Error).message });
    }
  };
  /** The name is selected, without its folders and its extension. */
  const select = (event: Event) => {
    const { fileName } = file;
    const dot = fileName.lastIndexOf(".");
    const start = folderOf(fileName).length;
    (event.currentTarget as HTMLInputElement).setSelectionRange(start, dot > start ? dot : fileName.length);
  };
  return html`
    <wa-dialog label="Rename" open ${ref(focusFirst)} @wa-after-hide=${close}>
      <form id="rename" class="fields" @submit=${submit}>
        <label for="new-name">Name</label>
        <input id="new-name" name="name" .defaultValue=${file.fileName} autocomplete="off" spellcheck="false"
          aria-describedby="new-name-hint" autofocus @focus=${select} />
        <p class="hint" id="new-name-hint">A <code>/</code> puts it into a folder: <code>Holiday/plan.txt</code></p>
        ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
      </form>
      <div slot="footer" class="actions">
        <wa-button appearance="outlined" data-dialog="close">Cancel</wa-button>
        <wa-button variant="brand" type="submit" form="rename" ?loading=${isBusy === true}>Rename</wa-button>
      </div>
    </wa-dialog>
  `;
}

function cancelAll(page: Page, close: (event: Event) => void): TemplateResult {
  const answer = (isSure: boolean) => () => {
    page.panel = undefined;
    if (isSure) page.uploads.cancel();
    page.draw();
  };
  return html`
    <wa-dialog label="Cancel all uploads?" open ${ref(focusFirst)} @wa-after-hide=${close}>
      <p>Files that are uploaded already are kept. The parts of large files that were sent are deleted.</p>
      <div slot="footer" class="actions">
        <wa-button appearance="outlined" autofocus @click=${answer(false)}>Continue uploading</wa-button>
        <wa-button variant="danger" @click=${answer(true)}>Cancel all</wa-button>
      </div>
    </wa-dialog>
  `;
}

function leave(page: Page, close: (event: Event) => void): TemplateResult {
  const stay = () => {
    page.panel = undefined;
    page.draw();
  };
  return html`
    <wa-dialog label="Sign out during an upload?" open ${ref(focusFirst)} @wa-after-hide=${close}>
      <p>Uploads that are not finished stop. Large ones continue when you choose their files again; small ones are lost.</p>
      <div slot="footer" class="actions">
        <wa-button appearance="outlined" autofocus @click=${stay}>Stay</wa-button>
        <wa-button variant="danger" @click=${() => void page.signOut(true)}>Sign out</wa-button>
      </div>
    </wa-dialog>
  `;
}
