//! The bucket and how it is reached: one HTTP and TLS stack, and a deadline on everything.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation};
use bytes::Bytes;
use http::Request;
use slipway_core::env::ConfigError;
use slipway_core::{BusyClock, Error};
use slipway_s3_urls::{Credentials, Location};

use crate::error::Failure;
use crate::keys::Keys;
use crate::s3::{Answer, S3};
use crate::sdk_http::Http;
use crate::sdk_timing::Timing;

/// Until a connection stands, TLS included.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// One attempt, from the first byte sent to the last read.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);
/// All attempts together; a function has 30 s at most, and Postgres wants some of them.
pub(crate) const OPERATION: Duration = Duration::from_secs(10);
/// The first try and two more.
pub(crate) const ATTEMPTS: u32 = 3;

/// The bucket, over the network.
#[derive(Clone)]
pub struct Bucket {
    pub(crate) s3: S3,
    /// For lists and multipart uploads, made when it is first needed: who never asks for one does not link it.
    sdk: OnceLock<Client>,
    clock: BusyClock,
}

impl Bucket {
    /// A client for `location`. Connects with the first request.
    ///
    /// It uses the same location as the signer of URLs, so that the two always agree. It reads no files such as
    /// `~/.aws`, which would delay a cold start.
    pub fn connect(location: &Location, credentials: &Credentials) -> Result<Self, ConfigError> {
        Self::connect_with(location, credentials.clone().into())
    }

    /// The same with credentials that may be renewed while the client lives.
    pub fn connect_with(location: &Location, keys: Keys) -> Result<Self, ConfigError> {
        let http = slipway_https::client(CONNECT).map_err(|error| {
            ConfigError::new("SSL_CERT_FILE", format!("TLS cannot start: {error}"))
        })?;
        Ok(Self {
            s3: S3 {
                http,
                location: location.clone(),
                keys,
            },
            sdk: OnceLock::new(),
            clock: BusyClock::default(),
        })
    }

    /// How long S3 has been waited for.
    #[must_use]
    pub const fn clock(&self) -> &BusyClock {
        &self.clock
    }

    pub(crate) fn name(&self) -> &str {
        &self.s3.location.bucket
    }

    /// Asks, on the clock.
    pub(crate) async fn send(&self, ask: &Request<Bytes>, most: usize) -> Result<Answer, Failure> {
        let _wait = self.clock.wait();
        self.s3.ask(ask, most).await
    }

    /// The SDK's client, to do `what`: with connections of its own, which who lists or completes pays for once.
    pub(crate) fn sdk(&self, what: &'static str) -> Result<&Client, Error> {
        if let Some(sdk) = self.sdk.get() {
            return Ok(sdk);
        }
        let http = slipway_https::client(CONNECT).map_err(|error| Error::internal(what, error))?;
        let client = client(&self.s3.location, &self.s3.keys, Http(http), &self.clock);
        Ok(self.sdk.get_or_init(|| client))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").finish_non_exhaustive()
    }
}

fn client(location: &Location, keys: &Keys, http: Http, clock: &BusyClock) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .credentials_provider(keys.for_sdk())
        .region(Region::new(location.region.clone()))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .interceptor(Timing(clock.clone()))
        .force_path_style(location.endpoint.is_some())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    if let Some(endpoint) = &location.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}
