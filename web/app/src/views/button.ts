/** Buttons with an icon. */
import { html, type TemplateResult } from "lit";
import { type IconName, icon } from "../icons.ts";

/** A button with an icon and, on wide screens, a text. */
export function button(label: string, name: IconName, run: (event: Event) => void): TemplateResult {
  return html`
    <wa-button appearance="plain" size="s" @click=${run}>
      <span class="icon" slot="start">${icon(name)}</span><span class="label">${label}</span>
    </wa-button>
  `;
}

/** A button with an icon alone. It is a native one, because lists have many. */
export function bare(label: string, name: IconName, run: (event: Event) => void, tabindex = "0"): TemplateResult {
  return html`
    <button class="bare" @click=${run} title=${label} aria-label=${label} tabindex=${tabindex}>
      <span class="icon">${icon(name)}</span>
    </button>
  `;
}
