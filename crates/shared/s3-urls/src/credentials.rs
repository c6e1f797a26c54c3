//! The keys that sign URLs, read from the environment as Lambda sets it.

use std::fmt;

use slipway_core::env::{ConfigError, Environment};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An access key, and the session it belongs to if it is temporary.
#[derive(Clone)]
pub struct Credentials {
    /// The access key's public half.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: String,
    /// The token of a temporary session, as every Lambda role has.
    pub session_token: Option<String>,
    /// The end of the session, if known. A URL expires with it, whatever its own expiry.
    pub expires_at: Option<OffsetDateTime>,
}

impl Credentials {
    /// Reads `AWS_ACCESS_KEY_ID` and its companions, which Lambda sets for the function's role.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            access_key_id: env.required("AWS_ACCESS_KEY_ID")?,
            secret_access_key: env.required("AWS_SECRET_ACCESS_KEY")?,
            session_token: env.optional("AWS_SESSION_TOKEN"),
            expires_at: env
                .optional("AWS_CREDENTIAL_EXPIRATION")
                .map(|text| OffsetDateTime::parse(text.trim(), &Rfc3339))
                .transpose()
                .map_err(|_| {
                    ConfigError::new(
                        "AWS_CREDENTIAL_EXPIRATION",
                        "must be a time such as 2026-11-21T08:30:00Z",
                    )
                })?,
        })
    }

    /// The keys that sign read URLs: `SIGNING_ACCESS_KEY_ID` and `SIGNING_SECRET_ACCESS_KEY` if
    /// set, so that every execution environment creates the same URL. Otherwise the function's own.
    pub fn for_reading(env: &Environment) -> Result<Self, ConfigError> {
        let Some(access_key_id) = env.optional("SIGNING_ACCESS_KEY_ID") else {
            return Self::from_env(env);
        };
        Ok(Self {
            access_key_id,
            secret_access_key: env.required("SIGNING_SECRET_ACCESS_KEY")?,
            session_token: None,
            expires_at: None,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(name: &str) -> Option<String> {
        (name != "AWS_CREDENTIAL_EXPIRATION").then(|| format!("value of {name}"))
    }

    #[test]
    fn a_signing_key_of_its_own_has_no_session() {
        let keys = Credentials::for_reading(&Environment::new(get)).expect("set");
        assert_eq!(keys.access_key_id, "value of SIGNING_ACCESS_KEY_ID");
        assert_eq!(keys.session_token, None);
    }

    #[test]
    fn secrets_are_not_printed() {
        let keys = Credentials::from_env(&Environment::new(get)).expect("set");
        let printed = format!("{keys:?}");
        assert!(
            !printed.contains("SECRET") && !printed.contains("TOKEN"),
            "{printed}"
        );
    }
}
