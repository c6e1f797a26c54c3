//! HTTP for the SDK: the client of `slipway-https`, and what its failures mean for a retry.
//!
//! The SDK's own client would bring a second TLS stack, and HTTP/2, which S3 does not speak.

use std::error::Error;
use std::fmt;

use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::ErrorKind;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use slipway_https::{Client, ConnectTimeout};

use crate::retry::CONNECT;

/// This HTTP for another client of the AWS SDK, such as one that fetches credentials.
pub fn http_client() -> Result<impl HttpClient + 'static, Box<dyn Error + Send + Sync>> {
    Ok(Http(slipway_https::client(CONNECT)?))
}

/// Sends the SDK's requests.
#[derive(Clone)]
pub(crate) struct Http(pub(crate) Client<SdkBody>);

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let used = capture_connection(&mut request);
        if let Some(asked) = request.extensions().get::<CaptureSmithyConnection>() {
            asked.set_connection_retriever(move || closable(&used));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|error| classify(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK needs to leave a connection behind that has answered with a passing fault.
fn closable(used: &CaptureConnection) -> Option<ConnectionMetadata> {
    used.connection_metadata().as_ref()?;
    let used = used.clone();
    let poison = move || {
        if let Some(connection) = used.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    Some(
        ConnectionMetadata::builder()
            .proxied(false)
            .poison_fn(poison)
            .build(),
    )
}

/// What went wrong, as the SDK's retries need to know it.
fn classify(error: BoxError) -> ConnectorError {
    if cause::<ConnectTimeout>(error.as_ref()).is_some() {
        return ConnectorError::timeout(error);
    }
    if let Some(http) = cause::<hyper::Error>(error.as_ref()) {
        if http.is_user() {
            return ConnectorError::user(error);
        }
        // S3 closes idle connections, at times just as a request is on its way.
        if http.is_incomplete_message() {
            return ConnectorError::other(error, Some(ErrorKind::TransientError));
        }
    }
    // Names that do not resolve, refused connections, broken ones, and TLS that fails.
    ConnectorError::io(error)
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
