/** The entry point: signs in, then shows uploads and files. */
import "@awesome.me/webawesome/dist/styles/webawesome.css";
import "@awesome.me/webawesome/dist/components/button/button.js";
import "@awesome.me/webawesome/dist/components/dialog/dialog.js";
import "@awesome.me/webawesome/dist/components/drawer/drawer.js";
import "@awesome.me/webawesome/dist/components/dropdown/dropdown.js";
import "@awesome.me/webawesome/dist/components/dropdown-item/dropdown-item.js";
import "@awesome.me/webawesome/dist/components/progress-bar/progress-bar.js";
import "@awesome.me/webawesome/dist/components/spinner/spinner.js";
import "@awesome.me/webawesome/dist/components/toast/toast.js";
import "./style.css";
import { html, render } from "lit";
import { readConfig } from "./config.ts";
import { findSession, isSession, type Session, type SignedOut, takeToken } from "./session.ts";
import { signedIn } from "./signed-in.ts";
import { followTheme } from "./theme.ts";
import { header } from "./views/header.ts";
import { signIn } from "./views/sign-in.ts";
import { signInAgain } from "./views/sign-in-again.ts";

/** Why the session ended, for the document that is loaded then. */
const PROBLEM = "slipway-problem";

const root = document.querySelector<HTMLElement>("#app") as HTMLElement;

async function start(): Promise<void> {
  // At once: it must not stand in the address while the rest loads.
  const offered = takeToken();
  const config = await readConfig();
  const begin = (session: Session) => followTheme(signedIn(root, config, session, over));
  // The document is loaded again: nothing of the old page must continue with the token that is over.
  const over = (problem: string) => {
    sessionStorage.setItem(PROBLEM, problem);
    location.reload();
  };
  const problem = sessionStorage.getItem(PROBLEM) ?? undefined;
  sessionStorage.removeItem(PROBLEM);
  const ask = (signedOut: SignedOut) => {
    const { redirect } = signedOut;
    const go = redirect && (() => redirect().catch(({ message }) => ask({ ...signedOut, problem: message })));
    const draw = () => render(html`${header()} ${signIn({ ...signedOut, redirect: go }, begin)}`, root);
    followTheme(draw);
    draw();
  };
  const found = await findSession(config, signInAgain, offered);
  if (!found) {
    // The page that opened this window closes it, unless that page is gone.
    render(html`<main class="sign-in"><p>You are signed in, and can close this window.</p></main>`, root);
    return;
  }
  if (isSession(found)) begin(found);
  else ask({ problem, ...found });
}

start().catch((error: Error) => {
  render(html`<main class="sign-in"><h1>This page cannot start</h1><p role="alert">${error.message}</p></main>`, root);
});
