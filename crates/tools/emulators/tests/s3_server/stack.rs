//! A server for one test, and its clients.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use slipway_emulators::s3::{KeyPair, ObjectEvent, Policy, S3Options, S3Server};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::signer::Url;

pub(crate) const BUCKET: &str = "slipway-test";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ACCESS_KEY: &str = "AKIALOCAL";
pub(crate) const SECRET_KEY: &str = "local-secret";

/// A running server and its folder.
pub(crate) struct Stack {
    pub(crate) root: TempDir,
    pub(crate) server: S3Server,
    pub(crate) events: UnboundedReceiver<ObjectEvent>,
    pub(crate) http: reqwest::Client,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::start_with(Policy::default()).await
    }

    pub(crate) async fn start_with(policy: Policy) -> Self {
        Self::over(tempfile::tempdir().unwrap(), policy).await
    }

    async fn over(root: TempDir, policy: Policy) -> Self {
        let started = S3Server::start_with(options(root.path()), policy).await;
        let (server, events) = started.unwrap();
        Self {
            root,
            server,
            events,
            http: reqwest::Client::new(),
        }
    }

    pub(crate) async fn restart(self) -> Self {
        self.server.shutdown().await;
        Self::over(self.root, Policy::default()).await
    }

    /// The SDK with its defaults: it sends checksums in trailers.
    pub(crate) fn sdk(&self) -> Client {
        self.client(RequestChecksumCalculation::WhenSupported)
    }

    /// The SDK without optional checksums, as older versions.
    pub(crate) fn plain_sdk(&self) -> Client {
        self.client(RequestChecksumCalculation::WhenRequired)
    }

    /// The SDK with the key of a function.
    pub(crate) fn sdk_of(&self, function: &str) -> Client {
        self.client_of(&keys_of(function), RequestChecksumCalculation::WhenRequired)
    }

    fn client(&self, checksums: RequestChecksumCalculation) -> Client {
        self.client_of(&KeyPair::new(ACCESS_KEY, SECRET_KEY), checksums)
    }

    fn client_of(&self, keys: &KeyPair, checksums: RequestChecksumCalculation) -> Client {
        let KeyPair {
            access_key,
            secret_key,
        } = keys;
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
            .endpoint_url(self.server.endpoint())
            .force_path_style(true)
            .request_checksum_calculation(checksums)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }

    /// Uploads bytes.
    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) {
        let put = self.sdk().put_object().bucket(BUCKET).key(key);
        put.body(bytes.to_vec().into()).send().await.unwrap();
    }

    /// The bytes under a key, if there is an object.
    pub(crate) async fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        let get = self.sdk().get_object().bucket(BUCKET).key(key).send().await;
        match get {
            Ok(object) => Some(object.body.collect().await.unwrap().to_vec()),
            Err(error) => {
                assert_eq!(error.code(), Some("NoSuchKey"));
                None
            }
        }
    }

    /// A URL to sign for a key of the bucket.
    pub(crate) fn url(&self, method: &str, key: &str) -> Url {
        Url::new(&self.server.endpoint(), method, BUCKET, key)
    }
}

pub(crate) fn options(root: &Path) -> S3Options {
    S3Options {
        root: root.to_owned(),
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
    }
}

/// The key pair of a function.
pub(crate) fn keys_of(function: &str) -> KeyPair {
    KeyPair::new(ACCESS_KEY, SECRET_KEY).of_function(function)
}

/// Status and code of an error.
pub(crate) fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = result.unwrap_err();
    let status = error.raw_response().unwrap().status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}

/// Status and code of an error over plain HTTP.
pub(crate) async fn refused(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let code = text
        .split("<Code>")
        .nth(1)
        .and_then(|rest| rest.split("</Code>").next());
    (status, code.unwrap_or_default().to_owned())
}
