//! `config.json` of a deployment, and whom its page talks to, from the stack's outputs.

use std::collections::BTreeSet;
use std::io;

use clap::Args;
use serde::Serialize;

use super::policy::{Hosts, origin};
use crate::doctor::outputs::Outputs;

/// How people sign in, where the stack has no user pool of its own.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SignIn {
    /// The client that the provider at `JwtIssuer` knows the page by; without it, people paste a token
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// What is asked for (`openid profile email` without it); `offline_access` is what many providers renew a session for
    #[arg(long, value_name = "SCOPES", requires = "client_id")]
    scope: Option<String>,
    /// The API by the name that Auth0 knows it by
    #[arg(long, value_name = "NAME", requires = "client_id")]
    audience: Option<String>,
    /// The API by the name that a provider with resource indicators (RFC 8707) knows it by
    #[arg(long, value_name = "NAME", requires = "client_id")]
    resource: Option<String>,
    /// Which token the API takes: `access` or `id`
    #[arg(long, value_name = "KIND", value_parser = ["access", "id"], requires = "client_id")]
    token: Option<String>,
    /// Where else the provider is: the origin of its token endpoint, if that is not the issuer's; may be given again
    #[arg(long = "sign-in-origin", value_name = "URL", requires = "client_id")]
    origins: Vec<String>,
}

/// What the page reads: `web/app/src/config.ts` says the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Config {
    api: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    oidc: Option<Oidc>,
}

/// A provider that people sign in by.
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

impl Config {
    /// Puts together what the page is told, and whom it may then talk to.
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
            let no_address = || io::Error::other(format!("{name} is no address: {address}"));
            origin(address).ok_or_else(no_address)
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
                // What the pool's client may ask for, and the token whose `aud` is that client.
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

    /// Whether people sign in by a provider.
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
        let (config, hosts) = Config::find(&outputs, sign_in)?;
        Ok((json!(config), hosts))
    }

    fn set<const N: usize>(hosts: [&str; N]) -> BTreeSet<String> {
        hosts.map(str::to_owned).into()
    }

    #[test]
    fn a_pool_of_the_stack_needs_nothing_more() {
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
    fn any_provider_is_named() {
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
        // The functions take any text for an issuer; a page cannot sign in there.
        assert!(found(&json!({ "JwtIssuer": "somebody" }), &sign_in).is_err());
        let (config, hosts) = found(&issuer, &SignIn::default()).unwrap();
        assert_eq!(config, json!({ "api": "https://a.example" }));
        assert_eq!(hosts.sign_in, BTreeSet::new());
    }
}
