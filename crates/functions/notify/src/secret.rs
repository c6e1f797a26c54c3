//! The keys that sign deliveries.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use slipway_core::env::{ConfigError, Environment};
use standardwebhooks::Webhook;

const VARIABLE: &str = "WEBHOOK_SECRET";

/// What the specification allows, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// One key, or several while an old one is replaced.
pub(crate) struct Secrets(Vec<Webhook>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// Reads `WEBHOOK_SECRET`: `whsec_` and base64, several of them separated by spaces.
    pub(crate) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let text = env.required(VARIABLE)?;
        let keys = text.split_whitespace().map(|one| {
            let key = one
                .strip_prefix("whsec_")
                .and_then(|base64| STANDARD.decode(base64).ok())
                .filter(|key| LENGTHS.contains(&key.len()))?;
            Webhook::from_bytes(key).ok()
        });
        let keys: Option<Vec<Webhook>> = keys.collect();
        keys.map(Self).ok_or_else(|| {
            let problem = "must be whsec_ and the base64 of 24 to 64 bytes, or several such secrets separated by spaces";
            ConfigError::new(VARIABLE, problem)
        })
    }

    /// The header `webhook-signature`: one signature for each key. A receiver accepts a delivery if
    /// one of them fits.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signatures = self.0.iter().filter_map(|key| {
            // It fails only for a body that is not UTF-8.
            key.sign(id, timestamp, body.as_bytes()).ok()
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Result<Secrets, ConfigError> {
        Secrets::from_env(&Environment::from_iter([(VARIABLE, text)]))
    }

    fn secret(bytes: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7; bytes]))
    }

    #[test]
    fn only_keys_of_the_specification_are_accepted() {
        assert!(secrets(&secret(24)).is_ok());
        assert!(secrets(&format!(" {} {} ", secret(64), secret(32))).is_ok());
        for bad in [
            String::new(),
            secret(23),
            secret(65),
            secret(24).replace("whsec_", ""),
            secret(24).replace("whsec_", "whsec_!"),
            format!("{} {}", secret(24), secret(8)),
        ] {
            let error = secrets(&bad).expect_err("refused").to_string();
            assert!(error.contains(VARIABLE), "{error}");
            assert!(!error.contains(&STANDARD.encode([7; 8])[..8]), "{error}");
        }
    }

    /// The example of the reference implementation.
    #[test]
    fn a_delivery_has_a_signature_for_each_key() {
        let first = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let sign = |text: &str| {
            let body = r#"{"email":"test@example.com","username":"test_user"}"#;
            let id = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
            secrets(text)
                .expect("a secret")
                .sign(id, 1_649_367_553, body)
        };
        let expected = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        assert_eq!(sign(first), expected);
        let both = sign(&format!("{} {first}", secret(32)));
        let (new, old) = both.split_once(' ').expect("two signatures");
        assert_eq!(old, expected);
        assert_eq!(new, sign(&secret(32)));
    }
}
