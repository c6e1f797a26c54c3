/** Signs in by OpenID Connect: authorization code with PKCE, and a session that is renewed as long as the provider allows. */
import { SlipwayError } from "@slipway/client";
import { ErrorResponse, type User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import type { OidcConfig } from "./config.ts";
import type { AskAgain, Session, SignedOut } from "./session.ts";

/** A token is renewed when it expires sooner than a slow request takes. */
const MARGIN_SECONDS = 30;

/** Marks a sign-in in a second window, whose result the first window waits for. */
const IN_A_WINDOW = "window";

/** Reads the provider's response from the address, or the session of this tab. */
export async function fromProvider(oidc: OidcConfig, again: AskAgain): Promise<Session | SignedOut | undefined> {
  const manager = managerOf(oidc);
  const redirect = async () => {
    await manager.signinRedirect({ nonce: crypto.randomUUID() }).catch((error) => {
      throw new Error(explain(error));
    });
  };
  const query = new URLSearchParams(location.search);
  const state = query.get("state");
  if (state && (query.has("code") || query.has("error"))) {
    if (state.endsWith(`;${IN_A_WINDOW}`)) {
      await manager.signinPopupCallback();
      return undefined;
    }
    try {
      await manager.signinRedirectCallback();
    } catch (error) {
      return { redirect, problem: explain(error) };
    } finally {
      // The code is used up, but it must not end up in a bookmark.
      history.replaceState(null, "", location.pathname);
    }
  }
  const user = await manager.getUser();
  if (!user) return { redirect };
  const session = new Provided(manager, oidc, user, again);
  // After a reload the token may have expired and still be renewable.
  if (!isFresh(user, oidc) && !(await session.renewed())) return { redirect };
  return session;
}

function managerOf(oidc: OidcConfig): UserManager {
  const here = location.origin + location.pathname.replace(/index\.html$/, "");
  return new UserManager({
    authority: oidc.authority,
    client_id: oidc.clientId,
    redirect_uri: here,
    post_logout_redirect_uri: here,
    scope: oidc.scope ?? "openid profile email",
    resource: oidc.resource,
    extraQueryParams: oidc.audience ? { audience: oidc.audience } : {},
    // Tokens are stored for the tab only. The state of a sign-in is stored for minutes, because another window must read it.
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    // Renewal is ours: concurrent requests must not use one refresh token twice.
    automaticSilentRenew: false,
  });
}

class Provided implements Session {
  readonly name: string;
  readonly #subject: string;
  #renewing?: Promise<User>;
  /** Requests to the provider that run in the background and store their result. */
  #asking?: Promise<unknown>;
  /** Requests that are still running must not restore the session. */
  #over = false;

  constructor(
    private readonly manager: UserManager,
    private readonly oidc: OidcConfig,
    { profile }: User,
    private readonly again: AskAgain,
  ) {
    this.name = profile.name ?? profile.email ?? profile.sub;
    this.#subject = profile.sub;
  }

  async token(refused?: string): Promise<string> {
    this.#mustLast();
    const user = await this.manager.getUser();
    const token = user && tokenOf(user, this.oidc);
    // Another sign-in may be running in a second window of this page.
    const ours = user?.profile.sub === this.#subject;
    if (user && ours && token && token !== refused && isFresh(user, this.oidc)) return token;
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return tokenOf(await this.#renewing, this.oidc);
  }

  /** Whether a token is available without user interaction. */
  async renewed(): Promise<boolean> {
    return this.#quietly().then(Boolean, () => false);
  }

  async forget(): Promise<void> {
    await this.#end();
    await this.manager.removeUser();
  }

  async signOut(): Promise<void> {
    await this.#end();
    // Not every provider supports it. The token then expires.
    await this.manager.revokeTokens(["refresh_token"]).catch(() => undefined);
    const { oidc, manager } = this;
    try {
      // Cognito's parameters; other providers use `post_logout_redirect_uri`.
      const extraQueryParams = {
        client_id: oidc.clientId,
        logout_uri: manager.settings.post_logout_redirect_uri ?? "",
      };
      await manager.signoutRedirect({ extraQueryParams });
    } catch {
      await manager.removeUser();
    }
  }

  async #end(): Promise<void> {
    this.#over = true;
    await this.#asking;
  }

  async #renew(): Promise<User> {
    const asking = this.#quietly();
    this.#asking = asking.catch(() => undefined);
    const quietly = await asking;
    if (quietly) return quietly;
    this.#mustLast();
    let user: User | undefined;
    let prompt: string | undefined;
    await this.again(async () => {
      user = await this.#inAWindow(prompt);
      if (user.profile.sub === this.#subject) return;
      await this.manager.removeUser();
      prompt = "login";
      throw new Error(
        `This page is ${this.name}'s. Sign in as ${this.name}, or reload the page to change who you are.`,
      );
    });
    return user as User;
  }

  async #inAWindow(prompt?: string): Promise<User> {
    const nonce = crypto.randomUUID();
    const answer = this.manager.signinPopup({ nonce, prompt, url_state: IN_A_WINDOW, popupAbortOnClose: true });
    return answer.catch((error) => {
      throw new Error(explain(error));
    });
  }

  #mustLast(): void {
    if (this.#over) throw new SlipwayError("unauthenticated", "You are signed out.", 401);
  }

  /** Renews by the refresh token. Undefined if there is none, or if the provider refuses it. */
  async #quietly(): Promise<User | undefined> {
    const user = await this.manager.getUser();
    if (!user?.refresh_token) return undefined;
    try {
      return (await this.manager.signinSilent({ resource: this.oidc.resource })) ?? undefined;
    } catch (error) {
      if (error instanceof ErrorResponse) return undefined;
      // The provider is not reachable at the moment.
      throw new SlipwayError("network", "The sign-in service cannot be reached.", 0, { cause: error });
    }
  }
}

function tokenOf(user: User, { token }: OidcConfig): string {
  return (token === "id" ? user.id_token : user.access_token) ?? "";
}

function isFresh(user: User, { token }: OidcConfig): boolean {
  const end = token === "id" ? user.profile.exp : user.expires_at;
  return end === undefined || end - Date.now() / 1000 > MARGIN_SECONDS;
}

/** A message for the user. Only the provider's response to our own request is shown, because anyone can craft an address. */
function explain(error: unknown): string {
  if (error instanceof ErrorResponse) {
    const why = error.error_description ?? error.error ?? "";
    return error.error === "access_denied"
      ? "Signing in was cancelled or refused. Try again, or sign in as another user."
      : `The sign-in service refused: ${why}`;
  }
  if (error instanceof TypeError) return "The sign-in service cannot be reached. Try again in a moment.";
  const { message } = error as Error;
  if (/state|nonce/i.test(message)) return "This sign-in was not begun here, or too long ago. Please sign in again.";
  if (/closed/i.test(message)) return "The window was closed before you were signed in.";
  if (/disposed/i.test(message)) return "Your browser did not open the window. Allow it, and try again.";
  return `Signing in did not work: ${message}`;
}
