/** Who is signed in: by a provider, or on the local stack by a token that is pasted or comes in the page's address. */
import type { Config } from "./config.ts";

/** A way to get tokens. */
export interface Session {
  /** Who it is, for the eye. */
  name: string;
  /** The token for the next request; `refused` is one that was just answered by 401. */
  token(refused?: string): Promise<string>;
  /** Forgets the token, in this tab alone. */
  forget(): Promise<void>;
  /** Signs out everywhere; the page may be left for it. */
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

/** Has a person sign in while the page waits. `attempt` needs a click, and is made again where it fails. */
export type AskAgain = (attempt: () => Promise<void>) => Promise<void>;

/** Finds the session of the page's address, of this tab, or of the provider. `undefined` in a window that was only opened to sign in. */
export async function findSession(config: Config, again: AskAgain): Promise<Session | SignedOut | undefined> {
  if (!config.oidc) return fromToken();
  // Who pastes tokens need not load it.
  const { fromProvider } = await import("./provider.ts");
  return fromProvider(config.oidc, again);
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
  const forget = async () => sessionStorage.removeItem(KEPT);
  return {
    name: subject(token) ?? "you",
    token: async () => token,
    forget,
    signOut: forget,
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
