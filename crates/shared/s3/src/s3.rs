//! S3 without its SDK, for what a user waits for: looking at an object and removing some.
//!
//! The SDK would be 2 MB of the functions that do nothing else, and a millisecond of their start. What it does for these
//! calls is here: signing, deadlines, three tries with a growing pause, and what a failure means.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

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

use crate::client::{ATTEMPT, ATTEMPTS, OPERATION};
use crate::error::Failure;
use crate::keys::Keys;
use crate::xml;

/// The most that is read of an answer that says why not.
const MOST_OF_AN_ERROR: usize = 64 * 1024;
/// What the pause before a second try is below; before the third it is twice as much.
const PAUSE: Duration = Duration::from_secs(1);

/// Who S3's access logs say it was.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("slipway/", env!("CARGO_PKG_VERSION")));

/// Sends requests to one bucket.
#[derive(Clone)]
pub(crate) struct S3 {
    pub(crate) http: Client<Full<Bytes>>,
    pub(crate) location: Location,
    pub(crate) keys: Keys,
}

/// What S3 answered, where it did as it was asked.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl S3 {
    /// Asks, and asks again where the failure may pass. Of the answer's body `most` bytes are read.
    pub(crate) async fn ask(&self, ask: &Request<Bytes>, most: usize) -> Result<Answer, Failure> {
        // Before the deadline begins: a profile or a role may take its time to renew them.
        let credentials = self.keys.current().await?;
        let deadline = Instant::now() + OPERATION;
        let mut tries = 1;
        loop {
            let end = deadline.min(Instant::now() + ATTEMPT);
            let answer = timeout_at(end, self.attempt(ask, most, &credentials)).await;
            let failure = match answer.unwrap_or(Err(Failure::Timeout)) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = pause(tries);
            if tries == ATTEMPTS || !failure.may_pass() || Instant::now() + pause >= deadline {
                return Err(failure);
            }
            tries += 1;
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
        ask: &Request<Bytes>,
        most: usize,
        credentials: &Credentials,
    ) -> Result<Answer, Failure> {
        let mut request = ask.clone();
        self.signer(credentials)
            .sign(&mut request, OffsetDateTime::now_utc())
            .map_err(|error| Failure::Unsent(error.to_string()))?;
        // Not signed; access logs show it.
        request.headers_mut().insert(USER_AGENT, AGENT);
        let mut request = request.map(Full::new);
        let used = capture_connection(&mut request);
        let answer = self.http.request(request).await;
        let (head, body) = answer
            .map_err(|error| Failure::broken(&error))?
            .into_parts();
        if head.status.is_success() {
            return Ok(Answer {
                headers: head.headers,
                body: read(body, most).await?,
            });
        }
        if head.status.is_server_error() {
            // Whoever is behind this connection has a fault; the next try goes to somebody else.
            if let Some(connection) = used.connection_metadata().as_ref() {
                connection.poison();
            }
        }
        let body = read(body, MOST_OF_AN_ERROR).await?;
        Err(refused(head.status, &head.headers, &body))
    }
}

/// A random part of what doubles with each try: who failed together does not come back together.
fn pause(tries: u32) -> Duration {
    // What keys a hash map, and is different each time.
    let [random, ..] = RandomState::new().hash_one(tries).to_le_bytes();
    PAUSE * 2_u32.saturating_pow(tries - 1) * u32::from(random) / 256
}

/// No more than `most`, even from a server that sends more than it was asked for.
async fn read(mut body: Incoming, most: usize) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    while bytes.len() < most {
        let Some(frame) = body.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| Failure::broken(&error))?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    bytes.truncate(most);
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
