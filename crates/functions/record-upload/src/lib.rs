//! Records the objects that S3 events name, and stores the results of a malware scanner.
//!
//! Events may arrive twice, late or in any order. An event only names a key: the record step checks
//! what S3 has under it. Events come from S3 directly or through SQS, SNS or EventBridge. A message
//! that fails is reported on its own, so that SQS delivers only that message again.
//!
//! ```text
//! {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": "alice/…/a.txt"}, …}}]}
//! ```
//!
//! `events/` in the repository has a complete event for each case.

mod report;

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use slipway_api::emulator;
use slipway_core::deadline::time_left;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::{Code, Error, FileRow, ObjectKey, ScanStatus};
use slipway_db::Scanned;
use slipway_events::{Event, Notice, unknown};
use slipway_record::{Outcome, Recorder, Refusal, Settings, Stores};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use crate::report::{Finding, Report};

/// The number of keys that are recorded at once. The requests to S3 run concurrently. The
/// connection to Postgres runs one statement at a time.
const AT_ONCE: usize = 16;

/// The part of the invocation's time that is kept for the response.
const RESERVE: Duration = Duration::from_secs(1);

/// The context of the function: the record step.
#[derive(Debug)]
pub struct RecordUpload {
    stores: Stores,
    settings: Settings,
}

impl RecordUpload {
    /// Reads the settings of the record step.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Settings::from_env(env)?,
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

    /// Handles one invocation. Messages of SQS fail one by one. A direct event fails as a whole,
    /// and Lambda delivers it again. Objects that were recorded are then found unchanged.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        // An error span is enabled at every log level, so that each line has the id of the
        // invocation.
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
        let answer = match Event::parse(&event.payload) {
            Event::Sqs(messages) => {
                // There is one message for each record, in the same order.
                for (at, message) in messages.iter().enumerate() {
                    if message.notices.contains(&Notice::Unknown) {
                        unknown::log_message(&event.payload["Records"][at]);
                    }
                }
                let notices = messages.iter().flat_map(|message| &message.notices);
                let failed = self.handle_notices(notices, deadline, &mut report).await;
                let ids: Vec<Value> = messages
                    .iter()
                    .filter(|message| message.notices.iter().any(|one| failed.contains(one)))
                    .map(|message| json!({ "itemIdentifier": message.id }))
                    .collect();
                Ok(json!({ "batchItemFailures": ids }))
            }
            Event::Direct(notices) => {
                if notices.contains(&Notice::Unknown) {
                    unknown::log(None, &event.payload);
                }
                match self
                    .handle_notices(&notices, deadline, &mut report)
                    .await
                    .len()
                {
                    0 => Ok(serde_json::to_value(&report)?),
                    failed => Err(format!("{failed} of {} not taken", notices.len()).into()),
                }
            }
        };
        report.log(started.elapsed());
        answer
    }

    /// Handles each of `notices` once, several at a time. Returns those that must be delivered
    /// again, because they failed or because the deadline passed.
    async fn handle_notices<'a>(
        &self,
        notices: impl IntoIterator<Item = &'a Notice>,
        deadline: Instant,
        report: &mut Report,
    ) -> HashSet<&'a Notice> {
        // Equal notices are handled once, because an event is only a reason for a HEAD. The order
        // of a set is random, so that repeated deliveries of too many notices handle different
        // ones.
        let mut left = HashSet::new();
        for notice in notices {
            match notice {
                Notice::Unknown => report.count(Finding::Unknown),
                Notice::Object { .. } | Notice::Scan { .. } => {
                    left.insert(notice);
                }
            }
        }
        let mut failed = HashSet::new();
        let mut findings = stream::iter(left.clone())
            // Boxed, because the type of a future nested in a stream is too deep for the compiler.
            .map(|notice| Box::pin(async move { (notice, self.handle_notice(notice).await) }))
            .buffer_unordered(AT_ONCE);
        while let Ok(Some((notice, finding))) = timeout_at(deadline, findings.next()).await {
            match finding {
                Ok(finding) => {
                    left.remove(notice);
                    report.count(finding);
                }
                Err(error) => {
                    failed.insert(notice);
                    log_failed(&error);
                }
            }
        }
        drop(findings);
        for notice in &left {
            report.count(Finding::Failed);
            if !failed.contains(notice) {
                let error = Error::timeout("the deadline passed before it was handled");
                log_failed(&match key_of(notice) {
                    Some(key) => error.of_file(&key),
                    None => error,
                });
            }
        }
        left
    }

    async fn handle_notice(&self, notice: &Notice) -> Result<Finding, Error> {
        let (Notice::Object { bucket, key } | Notice::Scan { bucket, key, .. }) = notice else {
            return Ok(Finding::Unknown);
        };
        if *bucket != self.stores.location.bucket {
            return Ok(Finding::Foreign);
        }
        if ObjectKey::parse_preview(key).is_some() {
            return Ok(Finding::Preview);
        }
        let Ok(key) = ObjectKey::parse(key) else {
            return Ok(Finding::Foreign);
        };
        let finding = self.record(&key, notice).await;
        finding.map_err(|error| error.of_file(&key))
    }

    async fn record(&self, key: &ObjectKey, notice: &Notice) -> Result<Finding, Error> {
        let recorder = Recorder::new(&self.stores, &self.settings);
        let outcome = match recorder.record(key).await {
            // Another file has the id, so presigning did not create this key. A repetition cannot
            // change that.
            Err(error) if error.code() == Code::InvalidKey => return Ok(Finding::Foreign),
            outcome => outcome?,
        };
        let finding = match outcome {
            Outcome::Created(row) => {
                log_recorded(&row);
                Finding::Recorded
            }
            Outcome::Existing(_) => Finding::Unchanged,
            Outcome::Deleted => return Ok(Finding::Deleted),
            Outcome::Refused(refusal) => {
                log_refused(key, refusal);
                return Ok(Finding::Refused);
            }
            Outcome::Missing if recorder.forget(key).await? => return Ok(Finding::Forgotten),
            Outcome::Missing => return Ok(Finding::Missing),
        };
        match notice {
            // The record step has created the row, even if the scan result arrived first.
            Notice::Scan { etag, status, .. } => self.set_scan_status(key, etag, *status).await,
            _ => Ok(finding),
        }
    }

    async fn set_scan_status(
        &self,
        key: &ObjectKey,
        etag: &str,
        status: ScanStatus,
    ) -> Result<Finding, Error> {
        let scanned = self.stores.db.set_scan_status(key, etag, status).await?;
        Ok(match scanned {
            Scanned::Set => Finding::Scanned,
            Scanned::Kept => Finding::Unchanged,
            Scanned::Stale => Finding::Stale,
        })
    }
}

/// Logs a new file. No client receives a response to an event, so the log has the outcome under the
/// id of the file.
fn log_recorded(row: &FileRow) {
    tracing::info!(
        fileId = %row.id,
        owner = row.object_key.owner().fingerprint(),
        size = row.size,
        code = "ok",
        metric.Recorded = 1_u64,
        metric.UploadedBytes = row.size,
        "recorded"
    );
}

/// The key that a notice names, if it is a valid one.
fn key_of(notice: &Notice) -> Option<ObjectKey> {
    match notice {
        Notice::Object { key, .. } | Notice::Scan { key, .. } => ObjectKey::parse(key).ok(),
        Notice::Unknown => None,
    }
}

/// Logs a notice that will be delivered again. The error names the file and its owner.
fn log_failed(error: &Error) {
    tracing::error!(
        fileId = error.file().map(tracing::field::display),
        owner = error.owner(),
        code = error.code().as_str(),
        cause = error.causes(),
        s3RequestId = error.s3_request(),
        "not recorded"
    );
}

fn log_refused(key: &ObjectKey, refusal: Refusal) {
    let refused = Error::from(refusal);
    tracing::info!(
        fileId = %key.id(),
        owner = key.owner().fingerprint(),
        code = refused.code().as_str(),
        reason = refused.client_message(),
        metric.Rejected = 1_u64,
        "refused"
    );
}
