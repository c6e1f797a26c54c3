//! The one log line of a request, and the metrics that are made of it.

use std::time::{Duration, Instant};

use http::Method;
use lambda_http::Context;
use slipway_core::{Error, UserId};

use crate::reply::{self, Reply};
use crate::serve::Spent;

/// What is known of a request by and by.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) request_id: String,
    pub(crate) route: String,
    pub(crate) cold_start: bool,
    trace_id: Option<String>,
    owner: Option<String>,
    started: Instant,
    spent: Spent,
}

impl Line {
    pub(crate) fn start(cold_start: bool, spent: Spent) -> Self {
        Self {
            request_id: String::new(),
            route: String::new(),
            cold_start,
            trace_id: None,
            owner: None,
            started: Instant::now(),
            spent,
        }
    }

    /// Takes the ids by which AWS knows the request.
    pub(crate) fn in_context(&mut self, context: &Context) {
        self.request_id.clone_from(&context.request_id);
        self.trace_id.clone_from(&context.xray_trace_id);
    }

    /// Of a request whose path nobody has looked at yet.
    pub(crate) fn method(&mut self, method: &Method) {
        method.as_str().clone_into(&mut self.route);
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
                    requestId = self.request_id,
                    traceId = self.trace_id,
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
