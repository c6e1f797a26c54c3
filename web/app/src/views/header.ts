/** The header: name, usage, theme and user. */
import { html, nothing, type TemplateResult } from "lit";
import * as format from "../format.ts";
import { icon } from "../icons.ts";
import type { Page } from "../page.ts";
import { isDark, setTheme } from "../theme.ts";

export function header(page?: Page): TemplateResult {
  return html`
    <header class="top">
      <a class="brand" href="./"><img src="./favicon.svg" alt="" width="32" height="32" />Slipway</a>
      ${page ? usage(page) : nothing}
      <div class="who">
        <wa-button appearance="plain" size="s" @click=${() => setTheme(!isDark())}>
          <span class="icon">${icon(isDark() ? "sun" : "moon")}</span>
          <span class="sr">${isDark() ? "Light theme" : "Dark theme"}</span>
        </wa-button>
        ${page ? who(page) : nothing}
      </div>
    </header>
  `;
}

function who(page: Page): TemplateResult {
  return html`
    <span class="name" title=${page.session.name}>${page.session.name}</span>
    <wa-button appearance="plain" size="s" @click=${() => void page.signOut()}>
      <span class="icon">${icon("arrowLeftStartOnRectangle")}</span><span class="sr">Sign out</span>
    </wa-button>
  `;
}

function usage({ library: { usage } }: Page): TemplateResult | typeof nothing {
  if (!usage) return nothing;
  const { bytes, files, quotaBytes } = usage;
  const text =
    quotaBytes === null
      ? `${format.count(files, "file")}, ${format.bytes(bytes)}`
      : `${format.bytes(bytes)} of ${format.bytes(quotaBytes)}`;
  const percent = quotaBytes ? Math.min((100 * bytes) / quotaBytes, 100) : 0;
  return html`
    <div class="usage ${percent > 90 ? "full" : ""}">
      <span>${text}</span>
      ${quotaBytes === null ? nothing : html`<wa-progress-bar value=${percent} label="Storage used"></wa-progress-bar>`}
    </div>
  `;
}
