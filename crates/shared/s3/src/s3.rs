//! A client for the S3 operations that a user waits for: HEAD and the first bytes of an object,
//! copies, and deletes.
//!
//! It exists because the AWS SDK adds 2 MB to a function and a millisecond to its start
//! (`docs/performance.md`). It signs, limits the time of each attempt, and retries as `retry` says.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use slipway_https::{Client, Signer};
use slipway_s3_urls::{Credentials, Location};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::Failure;
use crate::keys::Keys;
use crate::retry::{ATTEMPTS, Limits, pause};
use crate::xml;

/// At most this much of an error response is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The user agent in S3's access logs.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("slipway/", env!("CARGO_PKG_VERSION")));

/// Sends requests to one bucket.
#[derive(Clone)]
pub(crate) struct S3 {
    pub(crate) http: Client<Full<Bytes>>,
    pub(crate) location: Location,
    pub(crate) keys: Keys,
}

/// A successful response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl S3 {
    /// Sends `request`, and repeats it after transient failures. Reads at most `max_bytes` of the
    /// response's body.
    pub(crate) async fn send(
        &self,
        request: &Request<Bytes>,
        max_bytes: usize,
        limits: Limits,
    ) -> Result<Response, Failure> {
        // Before the time limit begins, because a profile or a role may take a while to renew them.
        let credentials = self.keys.current().await?;
        let deadline = Instant::now() + limits.operation;
        let mut attempts = 1;
        loop {
            let limit = deadline.min(Instant::now() + limits.attempt);
            let attempt = timeout_at(limit, self.attempt(request, max_bytes, &credentials)).await;
            let failure = match attempt.unwrap_or(Err(Failure::Timeout)) {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            let pause = pause(attempts);
            if attempts == ATTEMPTS || !failure.is_transient() || Instant::now() + pause >= deadline
            {
                return Err(failure);
            }
            attempts += 1;
            sleep(pause).await;
        }
    }

    fn signer<'a>(&'a self, credentials: &'a Credentials) -> Signer<'a> {
        Signer {
            service: "s3",
            region: &self.location.region,
            access_key_id: &credentials.access_key_id,
            secret_access_key: &credentials.secret_access_key,
            session_token: credentials.session_token.as_deref(),
        }
    }

    async fn attempt(
        &self,
        request: &Request<Bytes>,
        max_bytes: usize,
        credentials: &Credentials,
    ) -> Result<Response, Failure> {
        let mut request = request.clone();
        self.signer(credentials)
            .sign(&mut request, OffsetDateTime::now_utc())
            .map_err(|error| Failure::Unsent(error.to_string()))?;
        // The header is not signed. S3's access logs show it.
        request.headers_mut().insert(USER_AGENT, AGENT);
        let mut request = request.map(Full::new);
        let used = capture_connection(&mut request);
        let response = self.http.request(request).await;
        let (head, body) = response
            .map_err(|error| Failure::broken(&error))?
            .into_parts();
        if head.status.is_success() {
            return Ok(Response {
                headers: head.headers,
                body: read(body, max_bytes).await?,
            });
        }
        if head.status.is_server_error() {
            // The server behind this connection has a fault, so the next attempt uses another
            // connection.
            if let Some(connection) = used.connection_metadata().as_ref() {
                connection.poison();
            }
        }
        let body = read(body, MAX_ERROR_BYTES).await?;
        Err(refused(head.status, &head.headers, &body))
    }
}

/// Reads at most `max_bytes`, even if the server sends more than was requested.
async fn read(mut body: Incoming, max_bytes: usize) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    while bytes.len() < max_bytes {
        let Some(frame) = body.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| Failure::broken(&error))?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    bytes.truncate(max_bytes);
    Ok(bytes.into())
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let body = String::from_utf8_lossy(body);
    let request = headers.get("x-amz-request-id");
    Failure::Refused {
        status: status.as_u16(),
        code: xml::text(&body, "Code").map(str::to_owned),
        request: request.and_then(|id| id.to_str().ok()).map(str::to_owned),
    }
}
