//! The connection string from Secrets Manager at init.
//!
//! A deployment may give the functions the ARN of a secret in place of `DATABASE_URL`. Then nobody who may read a
//! function's configuration sees it, and each cold start costs one call more. Without that ARN nothing here happens.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use slipway_core::env::{ConfigError, Env};
use slipway_core::region::dns_suffix;
use slipway_https::Signer;
use time::OffsetDateTime;

/// Init has 10 s in all, and Postgres wants 4 of them.
const LIMIT: Duration = Duration::from_secs(3);

const ARN: &str = "DATABASE_URL_SECRET_ARN";

/// Variables that were fetched, to be read before the environment's own.
#[derive(Default)]
pub struct Fetched(HashMap<&'static str, String>);

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    secret_string: Option<String>,
}

impl Fetched {
    /// Fetches what `DATABASE_URL_SECRET_ARN` names; nothing where it is unset.
    ///
    /// `DATABASE_URL_SECRET_KEY` is the key of the connection string where the secret is JSON, and
    /// `DATABASE_URL_UNPOOLED_SECRET_KEY` that of the one for migrations. `DATABASE_URL_SECRET_VERSION` is the version to
    /// ask for, and without it the current one: a deployment that changes it replaces environments that hold another.
    pub async fn from_env(env: Env<'_>) -> Result<Self, ConfigError> {
        let Some(arn) = env.optional("DATABASE_URL_SECRET_ARN") else {
            return Ok(Self::default());
        };
        let key = env.optional("DATABASE_URL_SECRET_KEY");
        let unpooled = env.optional("DATABASE_URL_UNPOOLED_SECRET_KEY");
        let text = ask(env, &arn).await?;
        let mut fetched = HashMap::new();
        fetched.insert("DATABASE_URL", picked(&text, key.as_deref())?);
        if let Some(key) = unpooled {
            fetched.insert("DATABASE_URL_UNPOOLED", picked(&text, Some(&key))?);
        }
        Ok(Self(fetched))
    }

    /// The variable, if it was fetched.
    #[must_use]
    pub fn get(&self, variable: &str) -> Option<String> {
        self.0.get(variable).cloned()
    }
}

async fn ask(env: Env<'_>, arn: &str) -> Result<String, ConfigError> {
    let region = env.required("AWS_REGION")?;
    let address = env
        .optional("AWS_ENDPOINT_URL_SECRETS_MANAGER")
        .unwrap_or_else(|| endpoint(&region));
    let access_key_id = env.required("AWS_ACCESS_KEY_ID")?;
    let secret_access_key = env.required("AWS_SECRET_ACCESS_KEY")?;
    let session_token = env.optional("AWS_SESSION_TOKEN");
    let signer = Signer {
        service: "secretsmanager",
        region: &region,
        access_key_id: &access_key_id,
        secret_access_key: &secret_access_key,
        session_token: session_token.as_deref(),
    };
    let body = question(arn, env.optional("DATABASE_URL_SECRET_VERSION"));
    let mut request = Request::post(address.trim_end_matches('/').to_owned() + "/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .body(Bytes::from(body))
        .map_err(|_| ConfigError::new("AWS_ENDPOINT_URL_SECRETS_MANAGER", "is no address"))?;
    signer
        .sign(&mut request, OffsetDateTime::now_utc())
        .map_err(|_| {
            let keys = "AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN";
            ConfigError::new(keys, "make no header")
        })?;
    let problem = |what: String| ConfigError::new(ARN, format!("cannot be fetched: {what}"));
    let answer = slipway_https::send(request, LIMIT)
        .await
        .map_err(|error| problem(error.to_string()))?;
    if !answer.status.is_success() {
        return Err(problem(refusal(answer.status, &answer.body)));
    }
    serde_json::from_slice::<Secret>(&answer.body)
        .ok()
        .and_then(|secret| secret.secret_string)
        .ok_or_else(|| problem("it holds no text".to_owned()))
}

fn endpoint(region: &str) -> String {
    format!("https://secretsmanager.{region}.{}", dns_suffix(region))
}

/// What Secrets Manager is asked: for a version, or for the current one.
fn question(arn: &str, version: Option<String>) -> String {
    let mut body = json!({ "SecretId": arn });
    if let Some(version) = version {
        body["VersionId"] = Value::String(version);
    }
    body.to_string()
}

/// The status and the error's type; its message may quote what was sent.
fn refusal(status: http::StatusCode, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = body["__type"].as_str().unwrap_or("no reason");
    let kind = kind.rsplit('#').next().unwrap_or(kind);
    format!("Secrets Manager answered {} {kind}", status.as_u16())
}

/// The text itself, or what is under `key` in it.
fn picked(text: &str, key: Option<&str>) -> Result<String, ConfigError> {
    let Some(key) = key else {
        return Ok(text.to_owned());
    };
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    json[key]
        .as_str()
        .map(ToOwned::to_owned)
        .ok_or_else(|| ConfigError::new(ARN, format!("is no JSON with a text under {key}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_picks_from_json_and_no_error_shows_the_secret() {
        let json = r#"{"url": "postgres://u:hunter2@h/d", "port": 5432}"#;
        assert_eq!(picked("postgres://x", None).as_deref(), Ok("postgres://x"));
        let picked_url = picked(json, Some("url"));
        assert_eq!(picked_url.as_deref(), Ok("postgres://u:hunter2@h/d"));
        for (text, key) in [(json, "other"), (json, "port"), ("hunter2", "url")] {
            let error = picked(text, Some(key)).expect_err(key).to_string();
            assert!(error.contains(ARN) && error.contains(key), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn every_partition_has_its_own_domain() {
        for (region, host) in [
            ("eu-central-1", "secretsmanager.eu-central-1.amazonaws.com"),
            ("cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"),
            (
                "eusc-de-east-1",
                "secretsmanager.eusc-de-east-1.amazonaws.eu",
            ),
            ("us-iso-east-1", "secretsmanager.us-iso-east-1.c2s.ic.gov"),
        ] {
            assert_eq!(endpoint(region), format!("https://{host}"));
        }
    }

    #[test]
    fn a_refusal_is_named_without_its_words() {
        let body =
            br#"{"__type": "com.amazonaws#AccessDeniedException", "Message": "User x may not"}"#;
        let said = refusal(http::StatusCode::BAD_REQUEST, body);
        assert_eq!(said, "Secrets Manager answered 400 AccessDeniedException");
    }
}
