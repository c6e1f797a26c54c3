//! The custom resource of CloudFormation: its request arrives as an event, and the response is sent
//! to a URL in it.
//!
//! Source: "Custom resource request and response reference", AWS CloudFormation User Guide.
//! CloudFormation waits for a response, so every outcome is reported, a failure with its reason.
//! The URL is signed, so no message contains it.

use std::error::Error;
use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slipway_core::env::ConfigError;
use slipway_db::migrations::MigrateError;
use tokio::time::{sleep, timeout};

use crate::{Applied, Migrate};

/// The part of the function's time that is reserved for the response.
const RESERVE: Duration = Duration::from_secs(20);
/// The time limit without a deadline from Lambda.
const DEFAULT_BUDGET: Duration = Duration::from_mins(4);
/// The time limit of one attempt to respond. There are three.
const ANSWER: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;
/// The longest reason. A response has at most 4,096 bytes.
const MOST_REASON: usize = 1000;

/// The request of CloudFormation.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "CloudFormation's own names")]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    request_type: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Properties,
    #[serde(default)]
    old_resource_properties: Properties,
}

/// The properties of the resource in `template.yaml`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Properties {
    /// The ARN of the published version of this function, which ends with its number.
    function_version: String,
}

impl Properties {
    fn number(&self) -> Option<u64> {
        self.function_version.rsplit(':').next()?.parse().ok()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    status: &'static str,
    reason: String,
    physical_resource_id: &'a str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
    data: Value,
}

impl Request {
    /// The request in `event`. `None` if CloudFormation did not send it.
    #[must_use]
    pub fn parse(event: &Value) -> Option<Self> {
        Self::deserialize(event).ok()
    }

    /// Handles the request and responds. Fails only if the response did not arrive. Lambda then
    /// retries.
    pub async fn handle(
        &self,
        migrate: Result<&Migrate, &ConfigError>,
        context: &Context,
    ) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let done = match self.request_type.as_str() {
            // A delete leaves the database as it is.
            "Delete" => Ok(json!({})),
            "Create" => migrated(migrate, budget(context)).await,
            "Update" => {
                let done = migrated(migrate, budget(context)).await;
                done.or_else(|reason| self.rolled_back(reason))
            }
            other => Err(format!("there is no request type {other}")),
        };
        let ok = done.is_ok();
        let (status, reason, data) = match done {
            Ok(data) => ("SUCCESS", String::new(), data),
            Err(reason) => ("FAILED", shortened(reason), json!({})),
        };
        if !ok {
            tracing::error!(reason, "not migrated");
        }
        let answer = Answer {
            status,
            reason,
            // Always the same: another id would make CloudFormation delete the old resource.
            physical_resource_id: self
                .physical_resource_id
                .as_deref()
                .unwrap_or("slipway-schema"),
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data,
        };
        self.answer(serde_json::to_vec(&answer)?).await?;
        Ok(json!({ "answered": status }))
    }

    /// Accepts a failed migration while the stack rolls back.
    ///
    /// A failure here would leave the stack in `UPDATE_ROLLBACK_FAILED`, from which nothing can be
    /// deployed, for example because Postgres is still down. The previous deployment had already
    /// applied every migration that its functions need, so nothing is missing. A deployment publishes
    /// a version with a higher number, also of older code, so only a rollback lowers the number.
    fn rolled_back(&self, reason: String) -> Result<Value, String> {
        let numbers = (
            self.old_resource_properties.number(),
            self.resource_properties.number(),
        );
        match numbers {
            (Some(failed), Some(restored)) if restored < failed => {
                tracing::warn!(
                    reason,
                    "not migrated; the stack rolls back, and needs nothing"
                );
                Ok(json!({ "Version": "unknown", "Applied": "" }))
            }
            _ => Err(reason),
        }
    }

    async fn answer(&self, body: Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut last = String::new();
        for attempt in 0..TRIES {
            sleep(Duration::from_millis(500) * attempt).await;
            let request = http::Request::put(&self.response_url)
                // The URL is signed for a request without a content type.
                .header(http::header::CONTENT_TYPE, "")
                .body(body.clone().into())
                .map_err(|_| "CloudFormation gave no address to answer to")?;
            match slipway_https::send(request, ANSWER).await {
                Ok(answer) if answer.status.is_success() => return Ok(()),
                Ok(answer) => last = format!("status {}", answer.status.as_u16()),
                Err(error) => last = error.to_string(),
            }
        }
        Err(format!("CloudFormation was not told: {last}").into())
    }
}

async fn migrated(
    migrate: Result<&Migrate, &ConfigError>,
    budget: Duration,
) -> Result<Value, String> {
    let migrate = migrate.map_err(ToString::to_string)?;
    let seconds = budget.as_secs();
    match timeout(budget, migrate.apply()).await {
        Ok(Ok(Applied { applied, version })) => {
            Ok(json!({ "Version": version.to_string(), "Applied": applied.join(",") }))
        }
        // A rollback or an older version: the newer schema works with older code.
        Ok(Err(MigrateError::Newer { version, known })) => {
            tracing::warn!(version, known, "the database is ahead; it is left as it is");
            Ok(json!({ "Version": version.to_string(), "Applied": "" }))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "the migrations did not end within {seconds} s; the one under way was not applied. Run migrate by \
             hand, then deploy again"
        )),
    }
}

fn budget(context: &Context) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(context.deadline)
        .checked_sub(now)
        .map_or(DEFAULT_BUDGET, |left| left.saturating_sub(RESERVE))
}

fn shortened(mut reason: String) -> String {
    let end = reason.floor_char_boundary(MOST_REASON);
    reason.truncate(end);
    reason
}
