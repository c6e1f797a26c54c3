/** The sign-in form. */
import { html, nothing, type TemplateResult } from "lit";
import { icon } from "../icons.ts";
import type { Session, SignedOut } from "../session.ts";

export function signIn(out: SignedOut, signedIn: (session: Session) => void): TemplateResult {
  const problem = out.problem
    ? html`<p class="problem" role="alert">${icon("exclamationCircle")} ${out.problem}</p>`
    : nothing;
  return html`
    <main class="sign-in">
      <h1>Your files, in your own bucket</h1>
      <p>Sign in to upload, browse and share them.</p>
      ${problem} ${out.redirect ? byProvider(out.redirect) : nothing} ${out.paste ? byToken(out.paste, signedIn) : nothing}
    </main>
  `;
}

function byProvider(redirect: () => Promise<void>): TemplateResult {
  return html`<wa-button variant="brand" size="l" @click=${redirect}>Sign in</wa-button>`;
}

function byToken(paste: (token: string) => Session, signedIn: (session: Session) => void): TemplateResult {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const token = String(new FormData(form).get("token") ?? "").trim();
    if (token) signedIn(paste(token));
  };
  return html`
    <form @submit=${submit}>
      <label for="token">Token</label>
      <textarea id="token" name="token" rows="4" required autocomplete="off" spellcheck="false"></textarea>
      <p class="hint">On the local stack, <code>cargo dev token alice</code> prints one for any user.</p>
      <wa-button type="submit" variant="brand">Sign in</wa-button>
    </form>
  `;
}
