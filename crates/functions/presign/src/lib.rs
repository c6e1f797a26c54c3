//! `POST /presign-upload`: signs, and asks nobody. No database, no network, no TLS: arithmetic.

mod accept;
mod answer;

use slipway_api::{Function, Reply, Request};
use slipway_core::content_type::AllowedTypes;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::SizeLimits;
use slipway_core::{Error, UploadRules};
use slipway_s3_urls::{Credentials, Location, Signer, UploadUrls};
use time::OffsetDateTime;

pub use accept::Accepted;

/// What presigning needs: limits, rules and a signer.
#[derive(Debug)]
pub struct Presign {
    allowed: AllowedTypes,
    limits: SizeLimits,
    rules: UploadRules,
    urls: UploadUrls,
}

impl Presign {
    /// Fails where a quota is set: this function could not keep it. `presign-quota` does.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        if env.optional("USER_QUOTA_BYTES").is_some() {
            return Err(ConfigError::new(
                "USER_QUOTA_BYTES",
                "is set: deploy presign-quota in place of presign",
            ));
        }
        Self::without_quota(env)
    }

    /// The part that `presign-quota` shares.
    pub fn without_quota(env: &Environment) -> Result<Self, ConfigError> {
        let allowed = env
            .optional("ALLOWED_CONTENT_TYPES")
            .unwrap_or_else(|| "*/*".to_owned());
        let signer = Signer::new(Location::from_env(env)?, Credentials::from_env(env)?);
        Ok(Self {
            allowed: AllowedTypes::parse(&allowed)?,
            limits: SizeLimits::from_env(env)?,
            rules: UploadRules::from_env(env)?,
            urls: UploadUrls::from_env(env, signer)?,
        })
    }

    /// What the request asks for, if all of it is allowed.
    pub fn accept(&self, request: &Request) -> Result<Accepted, Error> {
        match request.route() {
            ("POST", path) if path == ["presign-upload"] => self.accept_all(request.json()?),
            _ => Err(Error::no_route()),
        }
    }

    /// URLs for all of it, for the caller of `request`.
    pub fn sign(&self, request: &Request, accepted: &Accepted) -> Result<Reply, Error> {
        answer::sign(&self.urls, request, accepted, OffsetDateTime::now_utc())
    }
}

impl Function for Presign {
    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        let accepted = self.accept(request)?;
        self.sign(request, &accepted)
    }
}
