//! Sends a delivery to the application.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use slipway_core::Error;
use slipway_core::env::{ConfigError, Environment};
use slipway_db::webhooks::{Attempted, ClaimedEvent};
use slipway_https::Client;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use crate::backoff;
use crate::body::body;
use crate::secret::Secrets;

const VARIABLE: &str = "WEBHOOK_URL";

/// The longest time for a delivery, connecting included.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// So much of an answer is read, and then thrown away. The connection can be used again after a
/// shorter one.
const MOST_BYTES: usize = 16 * 1024;

/// The application.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// It may contain a secret, and so must not reach a log.
    address: Uri,
    secrets: Secrets,
}

/// Connections to the application, for one invocation. Between two invocations Lambda freezes the
/// process, and the application closes its end meanwhile. A delivery on such a connection would
/// fail, and be repeated only after seconds.
#[derive(Debug)]
pub(crate) struct Connections(Client<Full<Bytes>>);

impl Endpoint {
    /// Reads `WEBHOOK_URL` and `WEBHOOK_SECRET`.
    pub(crate) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            address: address(&env.required(VARIABLE)?)?,
            secrets: Secrets::from_env(env)?,
        })
    }

    /// Opens no connection yet.
    pub(crate) fn connections() -> Result<Connections, Error> {
        let client = slipway_https::client(LIMIT);
        let client = client.map_err(|error| Error::internal("start TLS", error))?;
        Ok(Connections(client))
    }

    /// Sends `event`. A redirect is an answer like any other: the secret's owner is the address that
    /// was configured, and no other.
    pub(crate) async fn deliver(&self, by: &Connections, event: &ClaimedEvent) -> Attempted {
        let problem = match self.send(by, event).await {
            Ok(status) if status.is_success() => return Attempted::Delivered,
            Ok(StatusCode::GONE) => return Attempted::Stopped,
            Ok(status) => format!("status {}", status.as_u16()),
            Err(problem) => problem.to_owned(),
        };
        Attempted::Failed(problem, backoff::delay(event.id, event.attempt))
    }

    async fn send(
        &self,
        by: &Connections,
        event: &ClaimedEvent,
    ) -> Result<StatusCode, &'static str> {
        let deadline = Instant::now() + LIMIT;
        let id = event.id.to_string();
        let body = body(event).map_err(|_| "the event cannot be written")?;
        // The time of the attempt, as the specification says: receivers refuse old ones.
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let signature = self.secrets.sign(&id, now, &body);
        let request = Request::post(self.address.clone())
            .header("content-type", "application/json")
            .header("user-agent", "Slipway")
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header(
                "webhook-signature",
                HeaderValue::try_from(signature).map_err(|_| "no signature")?,
            )
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| "the request cannot be written")?;
        let answer = timeout_at(deadline, by.0.request(request)).await;
        let answer = answer
            .map_err(|_| "no answer within 10 s")?
            .map_err(|error| {
                if error.is_connect() {
                    "no connection"
                } else {
                    "the connection broke"
                }
            })?;
        let status = answer.status();
        // The status is the answer, whatever happens to the rest.
        let rest = Limited::new(answer.into_body(), MOST_BYTES).collect();
        drop(timeout_at(deadline, rest).await);
        Ok(status)
    }
}

/// `https`, or `http` on loopback: file names and owners must not travel in plain text.
fn address(text: &str) -> Result<Uri, ConfigError> {
    let loopback = ["127.0.0.1", "localhost", "[::1]"];
    let fits = |uri: &Uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => loopback.contains(&host),
        _ => false,
    };
    // Lambda keeps what was pasted, spaces included.
    let uri = text.trim().parse::<Uri>().ok().filter(fits);
    // `user:password@` would not be sent.
    uri.filter(|uri| {
        !uri.authority()
            .is_some_and(|one| one.as_str().contains('@'))
    })
    .ok_or_else(|| {
        let problem = "must be an https URL without a password, or http on this machine";
        ConfigError::new(VARIABLE, problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback() {
        for fine in [
            "https://app.example/hooks?key=1",
            " https://app.example:8443 ",
            "http://127.0.0.1:4000/hook",
            "http://localhost/",
            "http://[::1]:4000/",
        ] {
            assert!(address(fine).is_ok(), "{fine}");
        }
        for bad in [
            "http://app.example/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "ftp://app.example/",
            "app.example/hooks",
            "/hooks",
            "https:///hooks",
            "https://alice:hunter2@app.example/",
            "https://app.example/a b",
            "",
        ] {
            let error = address(bad).expect_err(bad).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
