//! `POST /presign-upload`: signs upload URLs without a database, a network or TLS.
//!
//! The signature covers all properties of the upload: the key with the owner and a new id, the
//! content type, the file name, and the exact length and checksum if the client sent them. So
//! nothing has to be stored before the upload.
//!
//! ```text
//! POST /presign-upload {"fileName": "a.txt", "contentType": "text/plain", "size": 5}
//! 200 {"id": "…", "objectKey": "alice/…/a.txt", "presignedUrl": "https://…", "headers": {"Content-Type": "text/plain"}, …}
//! ```

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

/// The context of presigning: limits, rules and a signer.
#[derive(Debug)]
pub struct Presign {
    allowed: AllowedTypes,
    limits: SizeLimits,
    rules: UploadRules,
    urls: UploadUrls,
}

impl Presign {
    /// Fails if a quota is set, because this function cannot enforce it. `presign-quota` does.
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

    /// The uploads that the request contains, if all are allowed.
    pub fn accept(&self, request: &Request) -> Result<Accepted, Error> {
        match request.route() {
            ("POST", "/presign-upload", _) => self.accept_all(request.json()?),
            _ => Err(Error::no_route()),
        }
    }

    /// Signs URLs for all uploads, for the caller of `request`.
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
