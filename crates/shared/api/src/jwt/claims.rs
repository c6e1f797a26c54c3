//! Checks the claims of a verified token. The signature is valid at this point, so each refusal
//! names its claim.

use serde_json::{Map, Value};
use slipway_core::env::{ConfigError, Environment};
use time::OffsetDateTime;

/// The tolerance for an `nbf` or `iat` in the future, in seconds, because clocks differ. `exp` has
/// no leeway.
const LEEWAY: f64 = 60.0;

/// The required claims.
pub(super) struct Expected {
    issuer: String,
    audience: String,
}

impl Expected {
    /// Reads `JWT_ISSUER` and `JWT_AUDIENCE`.
    pub(super) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            issuer: env.required("JWT_ISSUER")?,
            audience: env.required("JWT_AUDIENCE")?,
        })
    }

    /// Checks issuer, audience and times, or returns what is wrong as a sentence for the client.
    pub(super) fn check(
        &self,
        claims: &Map<String, Value>,
        now: OffsetDateTime,
    ) -> Result<(), String> {
        // One string (RFC 7519, section 4.1.1), not a list that contains the right one.
        if text(claims, "iss")? != self.issuer {
            return Err("The token's issuer (iss) is not the one expected here.".to_owned());
        }
        match required(claims, "aud")? {
            Value::String(one) if *one == self.audience => {}
            Value::Array(all) if all.contains(&Value::String(self.audience.clone())) => {}
            _ => return Err("The token is meant for another audience (aud).".to_owned()),
        }
        #[expect(clippy::cast_precision_loss, reason = "exact for 285 million years")]
        let now = now.unix_timestamp() as f64;
        required(claims, "exp")?;
        if time(claims, "exp")?.is_some_and(|exp| exp <= now) {
            return Err("The token has expired. Sign in again.".to_owned());
        }
        for name in ["nbf", "iat"] {
            if time(claims, name)?.is_some_and(|from| from > now + LEEWAY) {
                return Err(format!(
                    "The token is not valid yet: its {name} claim lies in the future."
                ));
            }
        }
        Ok(())
    }
}

/// A claim that must be a string.
fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    let claim = required(claims, name)?;
    claim.as_str().ok_or_else(|| not_a_string(name, claim))
}

/// The error for a claim that must be a string.
pub(crate) fn not_a_string(name: &str, claim: &Value) -> String {
    format!(
        "The token's {name} claim must be a string, not {}.",
        kind(claim)
    )
}

/// A required claim.
fn required<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a Value, String> {
    claims
        .get(name)
        .filter(|claim| !claim.is_null())
        .ok_or_else(|| format!("The token has no {name} claim, which is required here."))
}

/// Seconds since 1970, which may have a fraction (RFC 7519, section 2).
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(claim) => claim.as_f64().map(Some).ok_or_else(|| {
            format!(
                "The token's {name} claim must be a number of seconds, not {}.",
                kind(claim)
            )
        }),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
