/** Where the API is and how people sign in: `config.json` beside the page, so that one build serves every deployment. */

/** A provider of OpenID Connect. */
export interface OidcConfig {
  authority: string;
  clientId: string;
  scope?: string;
  /** The API by the name that Auth0 knows it by. */
  audience?: string;
  /** The API by the name that a provider with resource indicators (RFC 8707) knows it by. */
  resource?: string;
  /** Which token the API takes; the access token without it. */
  token?: "access" | "id";
}

/** What `config.json` holds. Without `oidc`, a token is pasted. */
export interface Config {
  api: string;
  /** Set by the local stack alone: the page may then take a token from its own address. */
  local?: boolean;
  oidc?: OidcConfig;
}

/** Reads it. */
export async function readConfig(): Promise<Config> {
  const response = await fetch("./config.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`config.json cannot be read (${response.status}).`);
  return (await response.json()) as Config;
}
