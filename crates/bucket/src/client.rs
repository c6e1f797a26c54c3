//! The client: one HTTP and TLS stack, and a deadline on everything.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation};
use slipway_core::BusyClock;
use slipway_core::env::ConfigError;
use slipway_storage::{Credentials, Location};

use crate::http::Http;
use crate::timing::Timing;

/// Until a connection stands, TLS included.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// One attempt, from the first byte sent to the last read.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);
/// All attempts together; a function has 30 s at most, and Postgres wants some of them.
const OPERATION: Duration = Duration::from_secs(10);
/// The first try and two more.
const ATTEMPTS: u32 = 3;

/// The bucket, over the network.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
    clock: BusyClock,
}

impl Bucket {
    /// A client for `location`. Connects with the first request.
    ///
    /// All it goes by is given, as to the signer of URLs, so that the two never disagree about where the bucket
    /// is. Nothing is searched for: neither `~/.aws` nor `AWS_ENDPOINT_URL` counts, and no cold start waits for it.
    pub fn connect(location: &Location, credentials: &Credentials) -> Result<Self, ConfigError> {
        let http = slipway_https::client(CONNECT).map_err(|error| {
            ConfigError::new("SSL_CERT_FILE", format!("TLS cannot start: {error}"))
        })?;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let clock = BusyClock::default();
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Http(http))
            .credentials_provider(aws_sdk_s3::config::Credentials::new(
                &credentials.access_key_id,
                &credentials.secret_access_key,
                credentials.session_token.clone(),
                credentials.expires_at.map(Into::into),
                "environment",
            ))
            .region(Region::new(location.region.clone()))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .interceptor(Timing(clock.clone()))
            .force_path_style(location.endpoint.is_some())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        if let Some(endpoint) = &location.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            name: location.bucket.clone(),
            clock,
        })
    }

    /// How long S3 has been waited for.
    #[must_use]
    pub const fn clock(&self) -> &BusyClock {
        &self.clock
    }
}
