/** A link to a file that expires when its owner chooses. */
import type { StoredFile } from "@slipway/client";
import { html, nothing, type TemplateResult } from "lit";
import { lifetimeOf, lifetimes } from "../lifetimes.ts";
import type { Page } from "../page.ts";

/** The section of the details. It is empty for a file without a URL and for one with a public URL, which never expires. */
export function link(page: Page, file: StoredFile): TemplateResult | typeof nothing {
  const longest = lifetimeOf(file.url);
  if (longest === undefined) return nothing;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const seconds = Number(new FormData(event.currentTarget as HTMLFormElement).get("seconds"));
    void page.copyLink(file, seconds);
  };
  return html`
    <h3>Link</h3>
    <form class="share" @submit=${submit}>
      <label for="link-seconds">Anyone with the link can read the file for</label>
      <select id="link-seconds" name="seconds">
        ${lifetimes(longest).map(
          ({ seconds, label }) => html`<option value=${seconds} ?selected=${seconds === longest}>${label}</option>`,
        )}
      </select>
      <wa-button type="submit" size="small" appearance="outlined">Copy link</wa-button>
    </form>
  `;
}
