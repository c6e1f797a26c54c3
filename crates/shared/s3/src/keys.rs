//! The credentials that sign requests to S3: fixed ones, or ones that a provider renews.
//!
//! A function has fixed ones: Lambda replaces the environment before its session ends. A command
//! that a person runs may run for longer than a session lasts, so it asks a provider again before
//! each expiry.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::{ProvideCredentials, SharedCredentialsProvider};
use slipway_s3_urls::Credentials;
use tokio::sync::Mutex;

use crate::error::{Failure, with_causes};

/// Credentials that expire sooner than this are renewed. A request, its retries included, takes
/// less.
const MARGIN: Duration = Duration::from_mins(1);

/// Where the credentials come from.
#[derive(Clone)]
pub struct Keys(Source);

#[derive(Clone)]
enum Source {
    Fixed(Arc<Credentials>),
    Provided {
        provider: SharedCredentialsProvider,
        last: Arc<Mutex<Option<Arc<Credentials>>>>,
    },
}

impl From<Credentials> for Keys {
    fn from(credentials: Credentials) -> Self {
        Self(Source::Fixed(Arc::new(credentials)))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.0 {
            Source::Fixed(_) => "Fixed",
            Source::Provided { .. } => "Provided",
        };
        f.debug_tuple("Keys").field(&source).finish()
    }
}

impl Keys {
    /// Credentials of `provider`, which is asked again before they expire.
    #[must_use]
    pub fn provided(provider: SharedCredentialsProvider) -> Self {
        let last = Arc::default();
        Self(Source::Provided { provider, last })
    }

    /// Credentials that are valid now.
    pub(crate) async fn current(&self) -> Result<Arc<Credentials>, Failure> {
        let (provider, last) = match &self.0 {
            Source::Fixed(credentials) => return Ok(Arc::clone(credentials)),
            Source::Provided { provider, last } => (provider, last),
        };
        // Held while the provider is asked, so that concurrent requests ask once.
        let mut last = last.lock().await;
        let lasts = |credentials: &Credentials, time: Duration| {
            let end = credentials.expires_at.map(SystemTime::from);
            end.is_none_or(|end| end > SystemTime::now() + time)
        };
        if let Some(credentials) = last.as_ref().filter(|last| lasts(last, MARGIN)) {
            return Ok(Arc::clone(credentials));
        }
        match provider.provide_credentials().await {
            Ok(new) => {
                let new = Arc::new(Credentials {
                    access_key_id: new.access_key_id().to_owned(),
                    secret_access_key: new.secret_access_key().to_owned(),
                    session_token: new.session_token().map(str::to_owned),
                    expires_at: new.expiry().map(Into::into),
                });
                *last = Some(Arc::clone(&new));
                Ok(new)
            }
            Err(error) => match last.as_ref() {
                Some(credentials) if lasts(credentials, Duration::ZERO) => {
                    Ok(Arc::clone(credentials))
                }
                _ => Err(Failure::Unsent(format!(
                    "the credentials expired and were not renewed: {}",
                    with_causes(&error)
                ))),
            },
        }
    }

    /// The same for the SDK, which keeps them until shortly before they expire.
    pub(crate) fn for_sdk(&self) -> SharedCredentialsProvider {
        match &self.0 {
            Source::Fixed(credentials) => {
                SharedCredentialsProvider::new(aws_sdk_s3::config::Credentials::new(
                    &credentials.access_key_id,
                    &credentials.secret_access_key,
                    credentials.session_token.clone(),
                    credentials.expires_at.map(Into::into),
                    "environment",
                ))
            }
            Source::Provided { provider, .. } => provider.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_credential_types::Credentials as Sdk;
    use aws_credential_types::credential_fn::provide_credentials_fn;
    use aws_credential_types::provider::error::CredentialsError;

    use super::*;

    /// Credentials that end after these seconds, one after the other, and then no more.
    fn keys(seconds: &'static [u64]) -> Keys {
        let asked = AtomicU64::new(0);
        let provider = provide_credentials_fn(move || {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            let left = usize::try_from(number).ok().and_then(|at| seconds.get(at));
            let credentials = left.map(|seconds| {
                let ends = SystemTime::now() + Duration::from_secs(*seconds);
                Sdk::new(number.to_string(), "secret", None, Some(ends), "a test")
            });
            async move { credentials.ok_or_else(|| CredentialsError::not_loaded("no more")) }
        });
        Keys::provided(SharedCredentialsProvider::new(provider))
    }

    async fn id(keys: &Keys) -> Option<String> {
        let credentials = keys.current().await.ok()?;
        Some(credentials.access_key_id.clone())
    }

    #[tokio::test]
    async fn they_are_renewed_before_they_end() {
        let keys = keys(&[30, 3600]);
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.extend(id(&keys).await);
        }
        assert_eq!(ids, ["0", "1", "1", "1"]);
    }

    #[tokio::test]
    async fn until_they_end_a_failed_renewal_is_no_failure() {
        let short = keys(&[30]);
        assert_eq!(id(&short).await.as_deref(), Some("0"));
        assert_eq!(id(&short).await.as_deref(), Some("0"));
        let ended = keys(&[0]);
        assert_eq!(id(&ended).await.as_deref(), Some("0"));
        let failure = ended.current().await.expect_err("they ended");
        let error = failure.into_error("a test", "bucket");
        assert!(crate::denied(&error), "{error}");
        assert!(error.causes().contains("no more"), "{}", error.causes());
    }
}
