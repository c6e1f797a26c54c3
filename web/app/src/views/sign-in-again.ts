/** A dialogue over the page: the session has ended, and requests wait until the user signs in again. */
import { html, nothing, render, type TemplateResult } from "lit";

/** Resolves when `attempt`, which a click starts, succeeds. */
export function signInAgain(attempt: () => Promise<void>): Promise<void> {
  const place = document.createElement("div");
  document.body.append(place);
  return new Promise((resolve) => {
    const draw = (problem?: string, busy = false) => render(dialog(tries, problem, busy), place);
    const tries = async () => {
      draw(undefined, true);
      try {
        await attempt();
      } catch (error) {
        draw((error as Error).message);
        return;
      }
      place.remove();
      resolve();
    };
    draw();
  });
}

function dialog(tries: () => Promise<void>, problem: string | undefined, busy: boolean): TemplateResult {
  // Nothing behind the dialogue works without a session.
  const stay = (event: Event) => event.preventDefault();
  return html`
    <wa-dialog label="Your session has ended" open without-header @wa-hide=${stay}>
      <div class="again">
        <h2>Your session has ended</h2>
        <p>Sign in again to go on. Nothing is lost: your uploads wait here.</p>
        ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
        <wa-button variant="brand" ?loading=${busy} @click=${tries}>Sign in again</wa-button>
      </div>
    </wa-dialog>
  `;
}
