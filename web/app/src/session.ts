/** Who is signed in: by a provider, or on the local stack by a token that is pasted or comes in the page's address. */
import type { UserManager } from "oidc-client-ts";
import type { Config, OidcConfig } from "./config.ts";

/** A way to get tokens. */
export interface Session {
  /** Who it is, for the eye. */
  name: string;
  token(refused?: string): Promise<string>;
  signOut(): Promise<void>;
}

/** A person who is not signed in, and how they can be. */
export interface SignedOut {
  /** Goes to the provider; absent where a token is to be pasted. */
  redirect?: () => Promise<void>;
  paste?: (token: string) => Session;
  problem?: string;
}

const KEPT = "slipway-token";

/** Finds the session of the page's address, of this tab, or of the provider. */
export async function findSession(config: Config): Promise<Session | SignedOut> {
  return config.oidc ? fromProvider(config.oidc) : fromToken();
}

export function isSession(found: Session | SignedOut): found is Session {
  return "token" in found;
}

function fromToken(): Session | SignedOut {
  const fragment = new URLSearchParams(location.hash.slice(1)).get("token");
  if (fragment) {
    sessionStorage.setItem(KEPT, fragment);
    // Out of the address, where others would see it and a bookmark would keep it.
    history.replaceState(null, "", location.pathname + location.search);
  }
  const token = sessionStorage.getItem(KEPT);
  return token ? pasted(token) : { paste: pasted };
}

function pasted(token: string): Session {
  sessionStorage.setItem(KEPT, token);
  return {
    name: subject(token) ?? "you",
    token: async () => token,
    signOut: async () => sessionStorage.removeItem(KEPT),
  };
}

/** The `sub` of a token, to show it. Whether the token is good, the API says. */
export function subject(token: string): string | undefined {
  try {
    const part = token.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    return String(JSON.parse(new TextDecoder().decode(bytes)).sub);
  } catch {
    return undefined;
  }
}

async function fromProvider(oidc: OidcConfig): Promise<Session | SignedOut> {
  const { UserManager, WebStorageStateStore } = await import("oidc-client-ts");
  const here = location.origin + location.pathname;
  const manager = new UserManager({
    authority: oidc.authority,
    client_id: oidc.clientId,
    redirect_uri: here,
    post_logout_redirect_uri: here,
    scope: oidc.scope ?? "openid profile email",
    // Authorization code with PKCE is all that the library does.
    extraQueryParams: oidc.audience ? { audience: oidc.audience } : {},
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    automaticSilentRenew: true,
  });
  const redirect = () => manager.signinRedirect();
  const query = new URLSearchParams(location.search);
  if (query.has("state") && (query.has("code") || query.has("error"))) {
    try {
      await manager.signinRedirectCallback();
    } catch (error) {
      return { redirect, problem: `Signing in did not work: ${(error as Error).message}` };
    } finally {
      history.replaceState(null, "", location.pathname);
    }
  }
  const user = await manager.getUser();
  return user && !user.expired ? ofProvider(manager, oidc) : { redirect };
}

async function ofProvider(manager: UserManager, oidc: OidcConfig): Promise<Session> {
  const user = await manager.getUser();
  const { profile } = user ?? {};
  return {
    name: profile?.name ?? profile?.email ?? profile?.sub ?? "you",
    async token(refused) {
      let user = await manager.getUser();
      const current = () => (oidc.token === "id" ? user?.id_token : user?.access_token) ?? "";
      if (!user || user.expired || current() === refused) user = await manager.signinSilent();
      return current();
    },
    async signOut() {
      await manager.removeUser();
      await manager.signoutRedirect().catch(() => location.reload());
    },
  };
}
