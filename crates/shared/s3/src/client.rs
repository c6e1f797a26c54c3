//! The bucket and its two clients. Both use one HTTP and TLS stack, one clock, and the limits of
//! `retry`.

use std::fmt;
use std::sync::OnceLock;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use http::Request;
use slipway_core::env::ConfigError;
use slipway_core::{BusyClock, Error};
use slipway_s3_urls::{Credentials, Location};

use crate::error::Failure;
use crate::keys::Keys;
use crate::retry::{CONNECT, Limits, SdkClassifier, sdk_retries, sdk_timeouts};
use crate::s3::{Response, S3};
use crate::sdk_http::Http;

/// The bucket, over the network.
#[derive(Clone)]
pub struct Bucket {
    pub(crate) s3: S3,
    /// The SDK's client, for lists and multipart uploads. Functions that use neither do not link
    /// it.
    sdk: OnceLock<Client>,
    clock: BusyClock,
}

impl Bucket {
    /// A client for `location`. Connects with the first request.
    ///
    /// It uses the same location as the signer of URLs, so that the two always agree. It reads no
    /// files such as `~/.aws`, which would delay a cold start.
    pub fn connect(location: &Location, credentials: &Credentials) -> Result<Self, ConfigError> {
        Self::connect_with(location, credentials.clone().into())
    }

    /// The same with credentials that may be renewed while the client is in use.
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

    /// The clock of all requests to S3.
    #[must_use]
    pub const fn clock(&self) -> &BusyClock {
        &self.clock
    }

    pub(crate) fn name(&self) -> &str {
        &self.s3.location.bucket
    }

    /// Sends a request with our client, and measures the time.
    pub(crate) async fn send(
        &self,
        request: &Request<Bytes>,
        max_bytes: usize,
    ) -> Result<Response, Failure> {
        self.send_within(request, max_bytes, Limits::USUAL).await
    }

    /// The same with other time limits.
    pub(crate) async fn send_within(
        &self,
        request: &Request<Bytes>,
        max_bytes: usize,
        limits: Limits,
    ) -> Result<Response, Failure> {
        let _wait = self.clock.wait();
        self.s3.send(request, max_bytes, limits).await
    }

    /// Waits for a call of the SDK, and measures the time.
    pub(crate) async fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let _wait = self.clock.wait();
        call.await.map_err(|error| Failure::of_sdk(&error))
    }

    /// The SDK's client, which is created on first use. It has its own pool of connections. `step`
    /// names the operation in errors.
    pub(crate) fn sdk(&self, step: &'static str) -> Result<&Client, Error> {
        if let Some(sdk) = self.sdk.get() {
            return Ok(sdk);
        }
        let http = slipway_https::client(CONNECT).map_err(|error| Error::internal(step, error))?;
        let client = client(&self.s3.location, &self.s3.keys, Http(http));
        Ok(self.sdk.get_or_init(|| client))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").finish_non_exhaustive()
    }
}

fn client(location: &Location, keys: &Keys, http: Http) -> Client {
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .credentials_provider(keys.for_sdk())
        .region(Region::new(location.region.clone()))
        .timeout_config(sdk_timeouts())
        .retry_config(sdk_retries())
        .retry_classifier(SdkClassifier)
        .force_path_style(location.endpoint.is_some())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    if let Some(endpoint) = &location.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}
