//! The counts of one invocation.

use std::time::Duration;

use serde::Serialize;

/// The result for one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The file has a new preview.
    Made,
    /// It was decided before.
    Unchanged,
    /// It cannot have a preview, which its row now says.
    Refused,
    /// It is not a picture, or previews are off.
    Other,
    /// It was not scanned yet, or must not be read.
    Unscanned,
    /// It was deleted.
    Gone,
    /// The bucket or the key is not one of this deployment.
    Foreign,
    /// The event is not about an object.
    Unknown,
    /// It failed, and is tried again.
    Failed,
}

/// The number of files of an invocation, by finding.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    made: u64,
    unchanged: u64,
    refused: u64,
    other: u64,
    unscanned: u64,
    gone: u64,
    foreign: u64,
    unknown: u64,
    failed: u64,
}

impl Report {
    pub(crate) fn count(&mut self, finding: Finding) {
        *match finding {
            Finding::Made => &mut self.made,
            Finding::Unchanged => &mut self.unchanged,
            Finding::Refused => &mut self.refused,
            Finding::Other => &mut self.other,
            Finding::Unscanned => &mut self.unscanned,
            Finding::Gone => &mut self.gone,
            Finding::Foreign => &mut self.foreign,
            Finding::Unknown => &mut self.unknown,
            Finding::Failed => &mut self.failed,
        } += 1;
    }

    /// Writes the one log line of an invocation.
    pub(crate) fn log(&self, duration: Duration) {
        tracing::info!(
            durationMs = (duration.as_secs_f64() * 1e6).round() / 1e3,
            ok = self.failed == 0,
            made = self.made,
            unchanged = self.unchanged,
            refused = self.refused,
            other = self.other,
            unscanned = self.unscanned,
            gone = self.gone,
            foreign = self.foreign,
            unknown = self.unknown,
            failed = self.failed,
            metric.PreviewsMade = (self.made > 0).then_some(self.made),
            metric.PreviewsFailed = (self.failed > 0).then_some(self.failed),
            "previews"
        );
    }
}
