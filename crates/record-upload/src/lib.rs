//! Looks at the keys that S3 events name, and makes the table say what S3 has under them.
//!
//! Events may come twice, late or in any order: each is only a reason to look. What a malware scanner found is
//! kept besides.

mod event;
mod report;

use std::time::{Duration, Instant, SystemTime};

use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use slipway_core::env::{ConfigError, Env};
use slipway_core::{Code, Error, FileRow, ObjectKey, ScanStatus};
use slipway_db::Scanned;
use slipway_record::{Outcome, Recorder, Refusal};

use crate::event::{Event, Message, Notice};
use crate::report::{Finding, Report};

/// How many keys are looked at at once: S3 answers side by side, Postgres takes one after the other.
const AT_ONCE: usize = 8;

/// Kept of the time that Lambda gives, for writing the answer.
const RESERVE: Duration = Duration::from_secs(1);

/// Where the emulator gives no deadline.
const DEFAULT_BUDGET: Duration = Duration::from_secs(25);

/// What recording on an event's word needs.
#[derive(Debug)]
pub struct RecordUpload {
    recorder: Recorder,
}

impl RecordUpload {
    /// Reads what recording needs.
    pub async fn from_env(env: Env<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            recorder: Recorder::from_env(env).await?,
        })
    }

    /// Handles one invocation. Messages from SQS fail one by one; a direct event fails as a whole,
    /// upon which Lambda delivers it again.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        let budget = budget(&event.context);
        let started = Instant::now();
        let mut report = Report::default();
        let answer = match Event::parse(&event.payload) {
            Event::Sqs(messages) => {
                let failed = self.take_messages(&messages, budget, &mut report).await;
                Ok(json!({ "batchItemFailures": failed }))
            }
            Event::Direct(notices) => match self.take_all(&notices, budget, &mut report).await {
                Ok(()) => Ok(report.to_json()),
                Err(error) => Err(error.into()),
            },
        };
        report.log(&event.context, started.elapsed(), answer.is_ok());
        answer
    }

    async fn take_messages(
        &self,
        messages: &[Message],
        budget: Duration,
        report: &mut Report,
    ) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + budget;
        let mut taken = stream::iter(messages)
            .map(|message| async move {
                let mut own = Report::default();
                let left = deadline.saturating_duration_since(tokio::time::Instant::now());
                let result = self.take_all(&message.notices, left, &mut own).await;
                (message, own, result)
            })
            .buffer_unordered(AT_ONCE);
        let mut failed = Vec::new();
        while let Some((message, own, result)) = taken.next().await {
            report.add(&own);
            if result.is_err() {
                failed.push(json!({ "itemIdentifier": message.id }));
            }
        }
        failed
    }

    async fn take_all(
        &self,
        notices: &[Notice],
        budget: Duration,
        report: &mut Report,
    ) -> Result<(), Error> {
        let taking = async {
            for notice in notices {
                // Boxed: nested through two streams, its type would be too deep for the compiler.
                let finding = Box::pin(self.take(notice)).await.inspect_err(|error| {
                    tracing::error!(
                        code = error.code().as_str(),
                        cause = error.causes(),
                        "not recorded"
                    );
                });
                report.count(finding.as_ref().map_or(Finding::Failed, |finding| *finding));
                finding?;
            }
            Ok(())
        };
        tokio::time::timeout(budget, taking)
            .await
            .unwrap_or_else(|_| {
                Err(Error::timeout(
                    "the events were not taken before the deadline",
                ))
            })
    }

    async fn take(&self, notice: &Notice) -> Result<Finding, Error> {
        let (Notice::Object { bucket, key } | Notice::Scan { bucket, key, .. }) = notice else {
            return Ok(Finding::Unknown);
        };
        if bucket != self.recorder.bucket_name() {
            return Ok(Finding::Foreign);
        }
        let Ok(key) = ObjectKey::parse(key) else {
            return Ok(Finding::Foreign);
        };
        let outcome = match self.recorder.record(&key).await {
            // Another file has the id: no key that we made, and it will be none the next time either.
            Err(error) if error.code() == Code::InvalidKey => return Ok(Finding::Foreign),
            outcome => outcome?,
        };
        let finding = match outcome {
            Outcome::Created(row) => {
                recorded(&row);
                Finding::Recorded
            }
            Outcome::Existing(_) => Finding::Unchanged,
            Outcome::Deleted => return Ok(Finding::Deleted),
            Outcome::Refused(refusal) => {
                refused(&key, refusal);
                return Ok(Finding::Refused);
            }
            Outcome::Missing if self.recorder.forget(&key).await? => return Ok(Finding::Forgotten),
            Outcome::Missing => return Ok(Finding::Missing),
        };
        match notice {
            // There is a row now, even if the scanner was faster than everybody else.
            Notice::Scan { etag, status, .. } => self.scanned(&key, etag, *status).await,
            _ => Ok(finding),
        }
    }

    async fn scanned(
        &self,
        key: &ObjectKey,
        etag: &str,
        status: ScanStatus,
    ) -> Result<Finding, Error> {
        let scanned = self
            .recorder
            .db()
            .set_scan_status(key, etag, status)
            .await?;
        Ok(match scanned {
            Scanned::Set => Finding::Scanned,
            Scanned::Kept => Finding::Unchanged,
            Scanned::Stale => Finding::Stale,
        })
    }
}

/// Nobody is answered: what became of a file is found in the log, by its id.
fn recorded(row: &FileRow) {
    tracing::info!(
        fileId = %row.id,
        owner = row.user_id.fingerprint(),
        size = row.size,
        code = "ok",
        metric.Recorded = 1_u64,
        metric.UploadedBytes = row.size,
        "recorded"
    );
}

fn refused(key: &ObjectKey, refusal: Refusal) {
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

fn budget(context: &lambda_runtime::Context) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(context.deadline)
        .checked_sub(now)
        .map_or(DEFAULT_BUDGET, |left| left.saturating_sub(RESERVE))
}
