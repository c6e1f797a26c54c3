//! The environment of a function that uses Postgres.
//!
//! A deployment may give the functions the ARN of a secret instead of `DATABASE_URL`. The
//! connection string is then not readable in a function's configuration, and each cold start makes
//! one more request. Without `DATABASE_URL_SECRET_ARN` this crate makes no request.
//!
//! ```text
//! DATABASE_URL_SECRET_ARN=arn:aws:secretsmanager:…     the secret {"url": "postgres://…"}
//! DATABASE_URL_SECRET_KEY=url                          the key in it
//! ```

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use slipway_core::env::{ConfigError, Environment};
use slipway_core::region::dns_suffix;
use slipway_https::Signer;
use time::OffsetDateTime;

/// Lambda gives init 10 s in all, and the connection to Postgres may take 4 s of them.
const LIMIT: Duration = Duration::from_secs(3);

const ARN: &str = "DATABASE_URL_SECRET_ARN";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    secret_string: Option<String>,
}

/// The variables of this process, with the connection string from Secrets Manager if it is kept
/// there.
pub async fn environment() -> Result<Environment, ConfigError> {
    with_database_url(Environment::process()).await
}

/// Adds the connection string that `DATABASE_URL_SECRET_ARN` names. Without that variable, returns
/// `env` unchanged.
///
/// `DATABASE_URL_SECRET_KEY` is the key of the connection string if the secret is JSON, and
/// `DATABASE_URL_UNPOOLED_SECRET_KEY` the key of the one for migrations.
/// `DATABASE_URL_SECRET_VERSION` is the version to request, by default the current one. A
/// deployment that changes the version replaces the environments that hold another.
pub async fn with_database_url(env: Environment) -> Result<Environment, ConfigError> {
    let Some(arn) = env.optional("DATABASE_URL_SECRET_ARN") else {
        return Ok(env);
    };
    let key = env.optional("DATABASE_URL_SECRET_KEY");
    let unpooled_key = env.optional("DATABASE_URL_UNPOOLED_SECRET_KEY");
    let text = fetch(&env, &arn).await?;
    let url = select(&text, key.as_deref())?;
    let unpooled_url = unpooled_key
        .map(|key| select(&text, Some(&key)))
        .transpose()?;
    Ok(env.overridden(move |variable| match variable {
        "DATABASE_URL" => Some(url.clone()),
        "DATABASE_URL_UNPOOLED" => unpooled_url.clone(),
        _ => None,
    }))
}

async fn fetch(env: &Environment, arn: &str) -> Result<String, ConfigError> {
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
    let body = request_body(arn, env.optional("DATABASE_URL_SECRET_VERSION"));
    let mut request = Request::post(address.trim_end_matches('/').to_owned() + "/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .body(Bytes::from(body))
        .map_err(|_| ConfigError::new("AWS_ENDPOINT_URL_SECRETS_MANAGER", "is not a URL"))?;
    signer
        .sign(&mut request, OffsetDateTime::now_utc())
        .map_err(|_| {
            let keys = "AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN";
            ConfigError::new(keys, "contain characters that a header cannot have")
        })?;
    let failed = |cause: String| ConfigError::new(ARN, format!("cannot be fetched: {cause}"));
    let response = slipway_https::send(request, LIMIT)
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !response.status.is_success() {
        return Err(failed(refusal(response.status, &response.body)));
    }
    serde_json::from_slice::<Secret>(&response.body)
        .ok()
        .and_then(|secret| secret.secret_string)
        .ok_or_else(|| failed("it has no SecretString".to_owned()))
}

fn endpoint(region: &str) -> String {
    format!("https://secretsmanager.{region}.{}", dns_suffix(region))
}

/// The body of `GetSecretValue`: for `version`, or for the current version.
fn request_body(arn: &str, version: Option<String>) -> String {
    let mut body = json!({ "SecretId": arn });
    if let Some(version) = version {
        body["VersionId"] = Value::String(version);
    }
    body.to_string()
}

/// The status and the error's type. Its message is left out, because it may quote the request.
fn refusal(status: http::StatusCode, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = body["__type"].as_str().unwrap_or("without an error type");
    let kind = kind.rsplit('#').next().unwrap_or(kind);
    format!("Secrets Manager answered {} {kind}", status.as_u16())
}

/// The text itself, or the value of `key` in it.
fn select(text: &str, key: Option<&str>) -> Result<String, ConfigError> {
    let Some(key) = key else {
        return Ok(text.to_owned());
    };
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    json[key]
        .as_str()
        .map(ToOwned::to_owned)
        .ok_or_else(|| ConfigError::new(ARN, format!("is not JSON with a string under {key}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_selects_from_json_and_no_error_shows_the_secret() {
        let json = r#"{"url": "postgres://u:hunter2@h/d", "port": 5432}"#;
        assert_eq!(select("postgres://x", None).as_deref(), Ok("postgres://x"));
        let url = select(json, Some("url"));
        assert_eq!(url.as_deref(), Ok("postgres://u:hunter2@h/d"));
        for (text, key) in [(json, "other"), (json, "port"), ("hunter2", "url")] {
            let error = select(text, Some(key)).expect_err(key).to_string();
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
    fn a_refusal_is_reported_without_its_message() {
        let body =
            br#"{"__type": "com.amazonaws#AccessDeniedException", "Message": "User x may not"}"#;
        let reported = refusal(http::StatusCode::BAD_REQUEST, body);
        assert_eq!(
            reported,
            "Secrets Manager answered 400 AccessDeniedException"
        );
    }
}
