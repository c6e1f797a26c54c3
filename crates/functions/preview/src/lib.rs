//! Makes previews of the pictures that S3 events name, and on a schedule those that are missing.
//!
//! Events may arrive twice, late or in any order, and the function may be stopped at every step. So
//! an event only names a key, and the row decides:
//!
//! 1. The row says which bytes the file has (its `ETag`), and whether a preview of them was decided.
//! 2. The object is read if it still has that `ETag`.
//! 3. The preview is written over an earlier one, under a key that no file can have.
//! 4. One statement stores the decision if the row still has that `ETag`. If it does not, the
//!    preview that was just written is out of date, and may have replaced a newer one: the row is
//!    read again and the steps repeat, or the preview is removed with its file.
//!
//! A function that is stopped between 3 and 4 leaves its message in the queue. A message that is
//! delivered again trusts no earlier decision and repeats all steps, so that a preview of old bytes
//! does not stay. What is lost with a message, the schedule makes: `{"missing": true}`.
//!
//! A picture without a preview has a reason in its row, and is not tried again for the same `ETag`.

mod make;
mod missing;
mod report;

use std::time::{Duration, SystemTime};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use slipway_api::emulator;
use slipway_core::deadline::time_left;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::scan::require_scan;
use slipway_core::{Error, ObjectKey, ScanStatus};
use slipway_events::{Event, Notice, unknown};
use slipway_record::Stores;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use crate::report::{Finding, Report};

/// The part of the invocation's time that is kept for the response. A picture that is being decoded
/// is not interrupted.
const RESERVE: Duration = Duration::from_secs(10);

/// The context of the function: the bucket and Postgres.
#[derive(Debug)]
pub struct MakePreviews {
    stores: Stores,
    requires_scan: bool,
    is_on: bool,
}

/// A file to look at.
#[derive(Clone, Debug)]
struct Task<'a> {
    key: ObjectKey,
    /// The scan result that the event brought. The row may not have it yet.
    scan: Option<(&'a str, ScanStatus)>,
    /// How often the event was delivered.
    deliveries: u32,
}

impl MakePreviews {
    /// Reads the addresses of the bucket and of Postgres, `REQUIRE_SCAN`, and `PREVIEWS`.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            requires_scan: require_scan(env)?,
            is_on: env.flag("PREVIEWS")?,
            stores: Stores::from_env(env).await?,
        })
    }

    /// Serves invocations until Lambda stops the process.
    pub async fn serve(&self) -> Result<(), lambda_runtime::Error> {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
            self.handle(event).await
        }))
        .await
    }

    /// Handles one invocation. Messages of SQS fail one by one. A direct event fails as a whole, and
    /// Lambda delivers it again.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        let span = tracing::error_span!(
            "events",
            requestId = event.context.request_id,
            traceId = event.context.xray_trace_id,
        );
        self.handle_event(event).instrument(span).await
    }

    async fn handle_event(
        &self,
        event: LambdaEvent<Value>,
    ) -> Result<Value, lambda_runtime::Error> {
        let started = Instant::now();
        let now = SystemTime::now();
        let end = emulator::deadline_ms(&event.context, now);
        let deadline = started + time_left(end, now, RESERVE);
        let mut report = Report::default();
        let answer = if event.payload["missing"] == json!(true) {
            self.make_missing(deadline, &mut report).await
        } else {
            match Event::parse(&event.payload) {
                Event::Sqs(messages) => {
                    let mut failed = Vec::new();
                    for (at, message) in messages.iter().enumerate() {
                        if message.notices.contains(&Notice::Unknown) {
                            unknown::log_message(&event.payload["Records"][at]);
                        }
                        let (notices, deliveries) = (&message.notices, message.deliveries);
                        if !self.all(notices, deliveries, deadline, &mut report).await {
                            failed.push(json!({ "itemIdentifier": message.id }));
                        }
                    }
                    Ok(json!({ "batchItemFailures": failed }))
                }
                Event::Direct(notices) => {
                    if notices.contains(&Notice::Unknown) {
                        unknown::log(None, &event.payload);
                    }
                    if self.all(&notices, 1, deadline, &mut report).await {
                        Ok(serde_json::to_value(&report)?)
                    } else {
                        Err("not all events were taken".into())
                    }
                }
            }
        };
        report.log(started.elapsed());
        answer
    }

    /// Handles notices one after the other, because each may need most of the memory. Returns
    /// whether none of them has to be delivered again.
    async fn all(
        &self,
        notices: &[Notice],
        deliveries: u32,
        deadline: Instant,
        report: &mut Report,
    ) -> bool {
        let mut is_done = true;
        for notice in notices {
            let finding = match self.task(notice, deliveries) {
                Ok(task) => self.attempt(&task, deadline).await,
                Err(finding) => Some(finding),
            };
            report.count(finding.unwrap_or(Finding::Failed));
            is_done &= finding.is_some();
        }
        is_done
    }

    /// What a notice asks for, or why it asks for nothing.
    fn task<'a>(&self, notice: &'a Notice, deliveries: u32) -> Result<Task<'a>, Finding> {
        let (bucket, key, scan) = match notice {
            Notice::Object { bucket, key } => (bucket, key, None),
            Notice::Scan {
                bucket,
                key,
                etag,
                status,
            } => (bucket, key, Some((etag.as_str(), *status))),
            Notice::Unknown => return Err(Finding::Unknown),
        };
        if !self.is_on {
            return Err(Finding::Other);
        }
        if *bucket != self.stores.location.bucket {
            return Err(Finding::Foreign);
        }
        match ObjectKey::parse(key) {
            Ok(key) => Ok(Task {
                key,
                scan,
                deliveries,
            }),
            // Writing a preview is an event too.
            Err(_) if ObjectKey::parse_preview(key).is_some() => Err(Finding::Other),
            Err(_) => Err(Finding::Foreign),
        }
    }

    /// Carries out a task. `None` if it failed, which is logged.
    async fn attempt(&self, task: &Task<'_>, deadline: Instant) -> Option<Finding> {
        let done = timeout_at(deadline, self.decide(task)).await;
        let done = done.unwrap_or_else(|_| {
            Err(Error::timeout("the deadline passed before it was handled").of_file(&task.key))
        });
        done.inspect_err(|error| {
            tracing::error!(
                fileId = error.file().map(tracing::field::display),
                owner = error.owner(),
                code = error.code().as_str(),
                cause = error.causes(),
                s3RequestId = error.s3_request(),
                "no preview yet"
            );
        })
        .ok()
    }
}
