//! The one log line of a request, and the metrics that are derived from it.

use std::time::{Duration, Instant};

use lambda_runtime::Context;
use slipway_core::{Code, Error, FileId, Spent, UserId};
use tracing::Span;
use tracing::field::Empty;

use crate::reply::{self, Reply};

/// The number of ids in the line of a request. Further ids are logged in additional lines, so that
/// the line stays short.
const FILES: usize = 10;

/// The number of ids in an additional line.
const FURTHER_FILES: usize = 100;

/// The log line of a request, filled while the request is handled.
#[derive(Debug)]
pub(crate) struct Line {
    /// The span of the invocation, to which all its log lines belong.
    pub(crate) span: Span,
    pub(crate) route: String,
    pub(crate) files: Vec<FileId>,
    cold_start: bool,
    started: Instant,
    spent: Spent,
}

impl Line {
    /// `context` contains the ids by which AWS identifies the request.
    pub(crate) fn start(cold_start: bool, context: &Context, spent: Spent) -> Self {
        // The span has the level that is always on, because an error without its request's id is of
        // little use.
        let span = tracing::error_span!(
            "request",
            requestId = context.request_id,
            traceId = context.xray_trace_id,
            owner = Empty,
        );
        Self {
            span,
            route: String::new(),
            files: Vec::new(),
            cold_start,
            started: Instant::now(),
            spent,
        }
    }

    /// Sets the route of a request whose path was not parsed yet.
    pub(crate) fn method(&mut self, method: &str) {
        method.clone_into(&mut self.route);
    }

    /// Logs an event that is not a request. Nothing else is known about it.
    pub(crate) fn unread(&self, error: &lambda_runtime::Error) {
        let _within = self.span.enter();
        tracing::error!(
            code = Code::Internal.as_str(),
            cause = error.to_string(),
            metric.Failed = 1_u64,
            "failed"
        );
    }

    pub(crate) fn by(&mut self, user: &UserId) {
        self.span.record("owner", user.fingerprint());
    }

    /// Writes the line. This is the only place where causes are logged.
    pub(crate) fn log(&self, result: &Result<Reply, Error>, spent: Spent) {
        let _within = self.span.enter();
        let (one, many) = match self.files.as_slice() {
            [] => (result.as_ref().err().and_then(Error::file), None),
            &[one] => (Some(one), None),
            many => (None, Some(many)),
        };
        // This is a macro, because the fields of an event must be known where it is written.
        macro_rules! line {
            ($level:ident, $message:literal, $status:expr, $($more:tt)*) => {
                tracing::$level!(
                    route = self.route,
                    fileId = one.map(tracing::field::display),
                    fileIds = many.map(|many| ids(&many[..many.len().min(FILES)])),
                    files = many.map(<[_]>::len),
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
                    metric.Presigned = nonzero(counts.presigned),
                    metric.Recorded = nonzero(counts.recorded),
                    metric.UploadedBytes = nonzero(counts.uploaded_bytes),
                    metric.Deleted = nonzero(counts.deleted),
                );
            }
            Err(error) => {
                let (status, code) = (reply::status(error.code()), error.code().as_str());
                if error.code().is_fault() {
                    let (cause, s3_request) = (error.causes(), error.s3_request());
                    line!(
                        error,
                        "failed",
                        status,
                        code,
                        cause,
                        s3RequestId = s3_request,
                        metric.Failed = 1_u64,
                    );
                } else {
                    line!(info, "refused", status, code, metric.Rejected = 1_u64,);
                }
            }
        }
        let further = self.files.get(FILES..).unwrap_or_default();
        for further in further.chunks(FURTHER_FILES) {
            tracing::info!(route = self.route, fileIds = ids(further), "further files");
        }
    }
}

/// All ids in one text: a query can find each of them, and CloudWatch makes one field of it.
fn ids(files: &[FileId]) -> String {
    let mut text = String::with_capacity(37 * files.len());
    for file in files {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(file.encode(&mut [0; 36]));
    }
    text
}

/// In milliseconds, to the microsecond.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The time waited between the two, or `None` (the field is then omitted) if there was no wait.
fn waited(before: Duration, after: Duration) -> Option<f64> {
    let waited = after.saturating_sub(before);
    (!waited.is_zero()).then(|| ms(waited))
}

/// A metric is written only if it is not zero.
fn nonzero(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}
