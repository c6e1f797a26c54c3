//! The one log line of a request, and the metrics that are made of it.

use std::time::{Duration, Instant};

use lambda_runtime::Context;
use slipway_core::{Code, Error, UserId};

use crate::reply::{self, Reply};
use crate::serve::Spent;

/// What is known of a request by and by.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    context: &'a Context,
    pub(crate) route: String,
    cold_start: bool,
    owner: Option<String>,
    started: Instant,
    spent: Spent,
}

impl<'a> Line<'a> {
    /// `context` has the ids by which AWS knows the request.
    pub(crate) fn start(cold_start: bool, context: &'a Context, spent: Spent) -> Self {
        Self {
            context,
            route: String::new(),
            cold_start,
            owner: None,
            started: Instant::now(),
            spent,
        }
    }

    /// Of a request whose path nobody has looked at yet.
    pub(crate) fn method(&mut self, method: &str) {
        method.clone_into(&mut self.route);
    }

    /// Of an event that is no request: no more is known of it.
    pub(crate) fn unread(&self, error: &lambda_runtime::Error) {
        tracing::error!(
            requestId = self.context.request_id,
            code = Code::Internal.as_str(),
            cause = error.to_string(),
            metric.Failed = 1_u64,
            "failed"
        );
    }

    pub(crate) fn by(&mut self, user: &UserId) {
        self.owner = Some(user.fingerprint());
    }

    /// Writes it. Whoever looks for a cause finds it here, and nowhere else.
    pub(crate) fn log(&self, result: &Result<Reply, Error>, spent: Spent) {
        // A macro, since the fields of an event must be known where it is written.
        macro_rules! line {
            ($level:ident, $message:literal, $status:expr, $($more:tt)*) => {
                tracing::$level!(
                    requestId = self.context.request_id,
                    traceId = self.context.xray_trace_id,
                    route = self.route,
                    owner = self.owner,
                    status = $status,
                    durationMs = ms(self.started.elapsed()),
                    s3Ms = waited(self.spent.s3, spent.s3),
                    postgresMs = waited(self.spent.postgres, spent.postgres),
                    coldStart = self.cold_start,
                    $($more)*
                    $message
                )
            };
        }
        match result {
            Ok(reply) => {
                let counts = reply.counts();
                line!(
                    info,
                    "answered",
                    reply.status(),
                    code = "ok",
                    metric.Presigned = some(counts.presigned),
                    metric.Recorded = some(counts.recorded),
                    metric.UploadedBytes = some(counts.uploaded_bytes),
                    metric.Deleted = some(counts.deleted),
                );
            }
            Err(error) => {
                let (status, code) = (reply::status(error.code()), error.code().as_str());
                if error.code().is_fault() {
                    let cause = error.causes();
                    line!(error, "failed", status, code, cause, metric.Failed = 1_u64,);
                } else {
                    line!(info, "refused", status, code, metric.Rejected = 1_u64,);
                }
            }
        }
    }
}

/// In milliseconds, to the microsecond.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// What was waited for meanwhile; nothing is left out of the line.
fn waited(before: Duration, after: Duration) -> Option<f64> {
    let waited = after.saturating_sub(before);
    (!waited.is_zero()).then(|| ms(waited))
}

/// A metric is written where something happened.
fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}
