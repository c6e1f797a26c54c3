//! AWS credentials for commands that operators run.
//!
//! A function gets the credentials of its role in the environment, from Lambda. An operator has a
//! profile, an SSO session, `credential_process`, or the role of a container or an instance, and a
//! rebuild can take longer than any session. So a command uses what `aws-config` finds, in its
//! order, and renews it before it expires. Functions do not link this crate.
//!
//! ```text
//! AWS_PROFILE=production S3_BUCKET_NAME=uploads DATABASE_URL=postgres://… maintain --rebuild --apply
//! ```

use std::fmt;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use slipway_core::env::{ConfigError, Environment};
use slipway_s3::Keys;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const REGION: &str = "AWS_REGION";

/// The credentials and region that the environment does not set.
#[derive(Default)]
pub struct Found {
    region: Option<String>,
    session: Option<(Credentials, SharedCredentialsProvider)>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Found {
    /// Finds the settings that the environment lacks: credentials without `AWS_ACCESS_KEY_ID`, and
    /// a region without `AWS_REGION`.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let (has_keys, has_region) = (
            env.optional(ACCESS_KEY).is_some(),
            env.optional(REGION).is_some(),
        );
        if has_keys && has_region {
            return Ok(Self::default());
        }
        let config = load().await?;
        let region = config.region().filter(|_| !has_region);
        let region = region.map(ToString::to_string);
        let session = match config.credentials_provider() {
            Some(provider) if !has_keys => {
                let credentials = provider.provide_credentials().await;
                let credentials =
                    credentials.map_err(|error| ConfigError::new(ACCESS_KEY, not_found(&error)))?;
                Some((credentials, provider))
            }
            _ => None,
        };
        Ok(Self { region, session })
    }

    /// The value of the variable, if it was found. The credentials are the current ones, which last
    /// for a command's first requests.
    #[must_use]
    pub fn get(&self, variable: &str) -> Option<String> {
        let credentials = self.session.as_ref().map(|(credentials, _)| credentials);
        match variable {
            REGION => self.region.clone(),
            ACCESS_KEY => Some(credentials?.access_key_id().to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(credentials?.secret_access_key().to_owned()),
            "AWS_SESSION_TOKEN" => credentials?.session_token().map(str::to_owned),
            "AWS_CREDENTIAL_EXPIRATION" => OffsetDateTime::from(credentials?.expiry()?)
                .format(&Rfc3339)
                .ok(),
            _ => None,
        }
    }

    /// Credentials that are renewed, unless the environment has its own.
    #[must_use]
    pub fn keys(&self) -> Option<Keys> {
        let (_, provider) = self.session.as_ref()?;
        Some(Keys::provided(provider.clone()))
    }
}

async fn load() -> Result<SdkConfig, ConfigError> {
    let http = slipway_s3::http_client()
        .map_err(|error| ConfigError::new("SSL_CERT_FILE", format!("TLS cannot start: {error}")))?;
    let config = aws_config::defaults(BehaviorVersion::latest());
    Ok(config.http_client(http).load().await)
}

/// The sentence after the variable's name.
fn not_found(error: &dyn std::error::Error) -> String {
    let mut text = format!(
        "is not set, and no profile, SSO session or role gave credentials (AWS_PROFILE chooses a profile, \
         `aws sso login` begins a session): {error}"
    );
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
