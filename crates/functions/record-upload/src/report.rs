//! The counts of one invocation.

use std::time::Duration;

use serde::Serialize;

/// The result of one notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The file has a new row.
    Recorded,
    /// The file had a row. It may have been updated.
    Unchanged,
    /// The file had been deleted, and its object was removed again.
    Deleted,
    /// The row has the result of a malware scan.
    Scanned,
    /// The scan result is for bytes that are no longer there.
    Stale,
    /// The object was refused, so the file is a tombstone and the object was removed.
    Refused,
    /// The object is missing, and its row was dropped.
    Forgotten,
    /// There is neither an object nor a row.
    Missing,
    /// The bucket or the key is not one of this deployment.
    Foreign,
    /// The object is a preview, which has no row.
    Preview,
    /// The event is not about an object.
    Unknown,
    /// The notice failed and will be delivered again.
    Failed,
}

/// The number of notices of an invocation, by finding.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    recorded: u64,
    unchanged: u64,
    deleted: u64,
    scanned: u64,
    stale: u64,
    refused: u64,
    forgotten: u64,
    missing: u64,
    foreign: u64,
    previews: u64,
    unknown: u64,
    failed: u64,
}

impl Report {
    pub(crate) fn count(&mut self, finding: Finding) {
        *match finding {
            Finding::Recorded => &mut self.recorded,
            Finding::Unchanged => &mut self.unchanged,
            Finding::Deleted => &mut self.deleted,
            Finding::Scanned => &mut self.scanned,
            Finding::Stale => &mut self.stale,
            Finding::Refused => &mut self.refused,
            Finding::Forgotten => &mut self.forgotten,
            Finding::Missing => &mut self.missing,
            Finding::Foreign => &mut self.foreign,
            Finding::Preview => &mut self.previews,
            Finding::Unknown => &mut self.unknown,
            Finding::Failed => &mut self.failed,
        } += 1;
    }

    /// Writes the one log line of an invocation.
    pub(crate) fn log(&self, duration: Duration) {
        tracing::info!(
            durationMs = (duration.as_secs_f64() * 1e6).round() / 1e3,
            ok = self.failed == 0,
            recorded = self.recorded,
            unchanged = self.unchanged,
            deleted = self.deleted,
            scanned = self.scanned,
            stale = self.stale,
            refused = self.refused,
            forgotten = self.forgotten,
            missing = self.missing,
            foreign = self.foreign,
            previews = self.previews,
            unknown = self.unknown,
            failed = self.failed,
            metric.EventsFailed = (self.failed > 0).then_some(self.failed),
            "events taken"
        );
    }
}
