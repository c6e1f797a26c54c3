//! Sends a message to the function's own queue.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use slipway_core::Error;
use slipway_core::env::{ConfigError, Environment};
use slipway_https::Signer;
use time::OffsetDateTime;

use crate::message::Follow;

const VARIABLE: &str = "WEBHOOK_QUEUE_URL";

const STEP: &str = "sending a message to the queue";

/// The longest delay of SQS (API reference, `SendMessage`). A message for later is sent again when
/// it comes.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// The time for a request, connecting included.
const LIMIT: Duration = Duration::from_secs(3);

/// The queue, and the keys of the function's role.
pub(crate) struct Queue {
    url: String,
    /// The root of the queue's host, where requests go.
    address: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Queue {
    /// Reads `WEBHOOK_QUEUE_URL`, and the region and keys that Lambda sets.
    pub(crate) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let url = env.required(VARIABLE)?.trim().to_owned();
        let uri: http::Uri = url
            .parse()
            .map_err(|_| ConfigError::new(VARIABLE, "is not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(ConfigError::new(VARIABLE, "is not a URL"));
        };
        Ok(Self {
            address: format!("{scheme}://{authority}/"),
            url,
            region: env.required("AWS_REGION")?,
            access_key_id: env.required("AWS_ACCESS_KEY_ID")?,
            secret_access_key: env.required("AWS_SECRET_ACCESS_KEY")?,
            session_token: env.optional("AWS_SESSION_TOKEN"),
        })
    }

    /// Sends `follow`, to be received at its time.
    pub(crate) async fn send(&self, follow: &Follow) -> Result<(), Error> {
        let delay = follow.delay(OffsetDateTime::now_utc()).min(LONGEST_DELAY);
        // Rounded up, so that it does not come too early.
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        let body = json!({
            "QueueUrl": self.url,
            "MessageBody": follow.to_json()?,
            "DelaySeconds": seconds,
        });
        let mut request = Request::post(&self.address)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "AmazonSQS.SendMessage")
            .body(Bytes::from(body.to_string()))
            .map_err(|error| Error::internal(STEP, error))?;
        let signer = Signer {
            service: "sqs",
            region: &self.region,
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret_access_key,
            session_token: self.session_token.as_deref(),
        };
        signer
            .sign(&mut request, OffsetDateTime::now_utc())
            .map_err(|error| Error::internal(STEP, error))?;
        let answer = slipway_https::send(request, LIMIT)
            .await
            .map_err(|error| Error::unavailable(STEP, error))?;
        if answer.status.is_success() {
            return Ok(());
        }
        // Its message may quote the request.
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let kind = body["__type"].as_str().unwrap_or("without an error type");
        let status = answer.status.as_u16();
        Err(Error::unavailable(
            STEP,
            format!("SQS answered {status} {kind}"),
        ))
    }
}
