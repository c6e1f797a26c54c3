/** A local OpenID Connect provider: the certified `oidc-provider`, with its own sign-in pages. */
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Provider, { type Configuration } from "oidc-provider";

/** The API's identifier, which is the audience of every token. */
export const RESOURCE = "https://files.example.com";

const HOUR = 3600;
const WEEK = 7 * 24 * HOUR;

export class Identity {
  /** The lifetime of the first access token. Later ones last an hour. */
  firstSeconds = HOUR;
  /** Whether refresh tokens are issued. */
  renews = true;
  /** The grants of the token endpoint, in order. */
  readonly grants: string[] = [];

  private constructor(
    readonly issuer: string,
    readonly publicKey: string,
    private readonly server: Server,
  ) {}

  /** Starts a provider with one public client, `page`, at these addresses. */
  static async start(page: string): Promise<Identity> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
    const identity = new Identity(issuer, pem, server);
    const jwk = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: "one" };
    const provider = new Provider(issuer, configuration(identity, page, jwk));
    provider.on("grant.success", ({ oidc }) => identity.grants.push(String(oidc.params?.grant_type)));
    server.on("request", provider.callback());
    return identity;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function configuration(identity: Identity, page: string, jwk: object): Configuration {
  return {
    jwks: { keys: [jwk as never] },
    cookies: { keys: ["only for tests"] },
    clients: [
      {
        client_id: "page",
        token_endpoint_auth_method: "none",
        redirect_uris: [page],
        post_logout_redirect_uris: [page],
        grant_types: ["authorization_code", "refresh_token"],
        id_token_signed_response_alg: "ES256",
      },
    ],
    ttl: { Interaction: HOUR, Grant: WEEK, Session: WEEK, RefreshToken: WEEK, IdToken: HOUR },
    pkce: { required: () => true },
    clientBasedCORS: (_, origin) => page.startsWith(origin),
    claims: { profile: ["name"], email: ["email"] },
    conformIdTokenClaims: false,
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, name: accountId }) }),
    issueRefreshToken: async (_, client) => identity.renews && client.grantTypeAllowed("refresh_token"),
    // First-party applications need no consent.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client?.clientId, accountId: oidc.session?.accountId });
      grant.addOIDCScope("openid profile email");
      grant.addResourceScope(RESOURCE, "");
      await grant.save();
      return grant;
    },
    features: {
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "",
          audience: RESOURCE,
          accessTokenFormat: "jwt",
          accessTokenTTL: identity.grants.length === 0 ? identity.firstSeconds : HOUR,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}
