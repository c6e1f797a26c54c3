//! The HTTP client for API and S3. Its errors contain no URL, since URLs have signatures.

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Longer than API Gateway waits for a function.
const TIMEOUT: Duration = Duration::from_secs(35);

/// The connect timeout, for a host that drops packets.
const CONNECT: Duration = Duration::from_secs(10);

/// Longer than any expected response.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The client.
#[derive(Debug)]
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// This machine's time halfway between request and response.
    pub(crate) at: SystemTime,
}

impl Http {
    /// Reads this machine's root certificates.
    pub(crate) fn new() -> io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // A pooled connection may be closed just when it is reused. A retry would hide errors, so
        // connections are not pooled.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request. Redirects are not followed.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<HttpResponse, String> {
        let uri: Uri = url.parse().map_err(|_| "is not a URL".to_owned())?;
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).map_err(|error| error.to_string())?;
            let value = HeaderValue::try_from(*value).map_err(|error| error.to_string())?;
            request.headers_mut().insert(name, value);
        }
        let asked = SystemTime::now();
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                .map_err(|error| chain(&error))?;
            let (parts, body) = answer.into_parts();
            let limited = http_body_util::Limited::new(body, MOST_BYTES);
            let body = limited.collect().await.map_err(|error| chain(&*error))?;
            let took = asked.elapsed().unwrap_or_default();
            Ok(HttpResponse {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes(),
                at: asked + took / 2,
            })
        };
        let exchange = tokio::time::timeout(TIMEOUT, exchange).await;
        exchange.unwrap_or_else(|_| Err(format!("no response within {} s", TIMEOUT.as_secs())))
    }
}

impl HttpResponse {
    /// The value of a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The status and the API's message, which contains no secret.
    pub(crate) fn summary(&self) -> String {
        let json = self.json();
        let code = json["code"].as_str();
        let text = json["error"].as_str().or_else(|| json["message"].as_str());
        let mut words = self.status.as_u16().to_string();
        for part in [code, text].into_iter().flatten() {
            words.push(' ');
            words.push_str(part);
        }
        if let Some(id) = json["requestId"].as_str() {
            let _ = write!(words, " (request {id})");
        }
        words
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}
