/** Who is signed in: by a provider, or on the local stack by a token that is pasted or comes in the page's address. */
import type { Config } from "./config.ts";

/** A way to get tokens. */
export interface Session {
  /** Who it is, for the eye. */
  name: string;
  /** Whether the token was given a moment ago, and no request has used it yet. */
  isNew?: boolean;
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

/** The hosts of the local stack. Other machines cannot serve a page under these names. */
const LOCAL = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Takes the token out of the page's address and of the tab's history, whether or not it is used afterwards: others
 * would see it there, and a bookmark would keep it.
 */
export function takeToken(): string | undefined {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  return token || undefined;
}

/**
 * Finds the session of this tab or of the provider; on the local stack, that of the `offered` token if there is none.
 * `undefined` in a window that was only opened to sign in.
 */
export async function findSession(
  config: Config,
  again: AskAgain,
  offered?: string,
): Promise<Session | SignedOut | undefined> {
  if (!config.oidc) return fromToken(mayOffer(config) ? offered : undefined);
  // Who pastes tokens need not load it.
  const { fromProvider } = await import("./provider.ts");
  return fromProvider(config.oidc, again);
}

export function isSession(found: Session | SignedOut): found is Session {
  return "token" in found;
}

/**
 * An attacker can send a link that contains the attacker's token. A user who followed it would upload files into the
 * attacker's account. A deployed page therefore ignores such tokens, even if its `config.json` was copied from the
 * local stack.
 */
function mayOffer(config: Config): boolean {
  return config.local === true && LOCAL.includes(location.hostname);
}

/** A session that is there is never replaced by an offered one. */
function fromToken(offered?: string): Session | SignedOut {
  const kept = sessionStorage.getItem(KEPT);
  const token = kept ?? offered;
  return token ? pasted(token, kept === null) : { paste: pasted };
}

function pasted(token: string, isNew = true): Session {
  sessionStorage.setItem(KEPT, token);
  const forget = async () => sessionStorage.removeItem(KEPT);
  return {
    name: subject(token) ?? "you",
    isNew,
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
