//! `config.json` of a deployment's page, and the origins that the page calls, from the stack's
//! outputs.

use std::collections::BTreeSet;
use std::io;

use clap::Args;
use serde::Serialize;

use super::policy::{Hosts, origin};
use crate::doctor::outputs::Outputs;

/// How users sign in, if the stack has no user pool.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SignIn {
    /// The client id of the page at the provider `JwtIssuer`; without it, users paste a token
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The scopes to request [default: `openid profile email`]; many providers need
    /// `offline_access` to renew a session
    #[arg(long, value_name = "SCOPES", requires = "client_id")]
    scope: Option<String>,
    /// The audience of the API at Auth0
    #[arg(long, value_name = "NAME", requires = "client_id")]
    audience: Option<String>,
    /// The resource of the API at a provider with resource indicators (RFC 8707)
    #[arg(long, value_name = "NAME", requires = "client_id")]
    resource: Option<String>,
    /// The token that the API accepts: `access` or `id`
    #[arg(long, value_name = "KIND", value_parser = ["access", "id"], requires = "client_id")]
    token: Option<String>,
    /// Another origin of the provider, such as that of its token endpoint; may be repeated
    #[arg(long = "sign-in-origin", value_name = "URL", requires = "client_id")]
    origins: Vec<String>,
}

/// The configuration that the page reads: see `web/app/src/config.ts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PageConfig {
    api: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    oidc: Option<Oidc>,
}

/// A provider of sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Oidc {
    authority: String,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl PageConfig {
    /// Builds the configuration of the page, and the origins that it may call.
    pub(crate) fn find(outputs: &Outputs, sign_in: &SignIn) -> io::Result<(Self, Hosts)> {
        let needed = |name: &'static str| {
            let value = outputs.get(name);
            value.ok_or_else(|| {
                io::Error::other(format!(
                    "the outputs have no {name}: deploy this version first"
                ))
            })
        };
        let host = |name: &str, address: &str| {
            let not_a_url = || io::Error::other(format!("{name} is not a URL: {address}"));
            origin(address).ok_or_else(not_a_url)
        };
        let api = needed("ApiUrl")?.to_owned();
        let mut files = BTreeSet::from([host("BucketUrl", needed("BucketUrl")?)?]);
        if let Some(public) = outputs.get("PublicBaseUrl") {
            files.insert(host("PublicBaseUrl", public)?);
        }
        let mut hosts = Hosts {
            api: host("ApiUrl", &api)?,
            files,
            sign_in: BTreeSet::new(),
        };
        let oidc = if outputs.get("UserPoolId").is_some() {
            let page = outputs.get("SignInUrl").ok_or_else(|| {
                io::Error::other(
                    "the user pool has no sign-in page: deploy with a CognitoDomainPrefix",
                )
            })?;
            hosts.sign_in.insert(host("SignInUrl", page)?);
            Some(Oidc {
                authority: needed("JwtIssuer")?.to_owned(),
                client_id: needed("JwtAudience")?.to_owned(),
                // The scopes that the pool's client may request, and the token whose `aud` is that
                // client.
                scope: Some("openid email".to_owned()),
                token: Some("id".to_owned()),
                ..Oidc::default()
            })
        } else if let Some(client_id) = &sign_in.client_id {
            for other in &sign_in.origins {
                hosts.sign_in.insert(host("--sign-in-origin", other)?);
            }
            Some(Oidc {
                authority: needed("JwtIssuer")?.to_owned(),
                client_id: client_id.clone(),
                scope: sign_in.scope.clone(),
                audience: sign_in.audience.clone(),
                resource: sign_in.resource.clone(),
                token: sign_in.token.clone(),
            })
        } else {
            None
        };
        if let Some(oidc) = &oidc {
            hosts.sign_in.insert(host("JwtIssuer", &oidc.authority)?);
        }
        Ok((Self { api, oidc }, hosts))
    }

    /// Whether users sign in with a provider.
    pub(crate) fn has_provider(&self) -> bool {
        self.oidc.is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(outputs: &Value, sign_in: &SignIn) -> io::Result<(Value, Hosts)> {
        let mut all = json!({ "ApiUrl": "https://a.example", "BucketUrl": "https://b.example" });
        let all = all.as_object_mut().unwrap();
        all.extend(outputs.as_object().unwrap().clone());
        let outputs = Outputs::parse(&json!(all)).unwrap();
        let (config, hosts) = PageConfig::find(&outputs, sign_in)?;
        Ok((json!(config), hosts))
    }

    fn set<const N: usize>(hosts: [&str; N]) -> BTreeSet<String> {
        hosts.map(str::to_owned).into()
    }

    #[test]
    fn a_user_pool_of_the_stack_needs_no_options() {
        let pool = json!({
            "UserPoolId": "p", "JwtIssuer": "https://cognito.example/p", "JwtAudience": "client",
            "SignInUrl": "https://files.auth.example", "PublicBaseUrl": "https://d.example",
        });
        let (config, hosts) = found(&pool, &SignIn::default()).unwrap();
        assert_eq!(
            config,
            json!({ "api": "https://a.example", "oidc": {
                "authority": "https://cognito.example/p", "clientId": "client", "scope": "openid email", "token": "id",
            } })
        );
        assert_eq!(hosts.api, "https://a.example");
        assert_eq!(hosts.files, set(["https://b.example", "https://d.example"]));
        assert_eq!(
            hosts.sign_in,
            set(["https://cognito.example", "https://files.auth.example"])
        );
        let mut pageless = pool;
        pageless.as_object_mut().unwrap().remove("SignInUrl");
        assert!(found(&pageless, &SignIn::default()).is_err());
    }

    #[test]
    fn any_provider_can_be_configured() {
        let issuer = json!({ "JwtIssuer": "https://id.example/t/" });
        let sign_in = SignIn {
            client_id: Some("page".into()),
            audience: Some("https://files".into()),
            origins: vec!["https://token.example/".into()],
            ..SignIn::default()
        };
        let (config, hosts) = found(&issuer, &sign_in).unwrap();
        assert_eq!(
            config["oidc"],
            json!({ "authority": "https://id.example/t/", "clientId": "page", "audience": "https://files" })
        );
        assert_eq!(
            hosts.sign_in,
            set(["https://id.example", "https://token.example"])
        );
        // The functions accept any text as an issuer, but a page cannot sign in there.
        assert!(found(&json!({ "JwtIssuer": "somebody" }), &sign_in).is_err());
        let (config, hosts) = found(&issuer, &SignIn::default()).unwrap();
        assert_eq!(config, json!({ "api": "https://a.example" }));
        assert_eq!(hosts.sign_in, BTreeSet::new());
    }
}
