//! Who may do what: whoever holds the one key pair, to the one bucket.

use std::sync::Arc;

use http::Method;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::fault::refuse;
use super::policy::Policy;

/// The one key pair.
pub(super) struct KeyPair {
    pub(super) access_key: String,
    pub(super) secret_key: SecretKey,
}

/// The one bucket.
pub(super) struct OneBucket {
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) policy: Arc<Policy>,
}

#[async_trait::async_trait]
impl S3Auth for KeyPair {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(self.secret_key.clone());
        }
        Err(refuse(
            S3ErrorCode::InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records.",
        ))
    }
}

#[async_trait::async_trait]
impl S3Access for OneBucket {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            let reads = matches!(*context.method(), Method::GET | Method::HEAD);
            if self.policy.public_read && reads {
                return Ok(());
            }
            return Err(refuse(S3ErrorCode::AccessDenied, "Access Denied"));
        }
        self.check_region(context)?;
        let bucket = context.s3_path().get_bucket_name();
        if bucket.is_some_and(|bucket| bucket != self.bucket) {
            return Err(refuse(
                S3ErrorCode::NoSuchBucket,
                "The specified bucket does not exist",
            ));
        }
        Ok(())
    }
}

impl OneBucket {
    /// A signature for another region is right, and refused all the same.
    fn check_region(&self, context: &S3AccessContext<'_>) -> S3Result<()> {
        let header = context.headers().get(http::header::AUTHORIZATION);
        let header = header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let query = form_urlencoded::parse(context.uri().query().unwrap_or_default().as_bytes());
        let scope = query
            .into_iter()
            .find(|(name, _)| name == "X-Amz-Credential");
        let scope = scope.map_or(header.into(), |(_, credential)| credential);
        if scope.contains(&format!("/{}/s3/aws4_request", self.region)) {
            return Ok(());
        }
        let message = format!(
            "The authorization header is malformed; the region is wrong; expecting '{}'",
            self.region
        );
        Err(S3Error::with_message(
            S3ErrorCode::AuthorizationHeaderMalformed,
            message,
        ))
    }
}
