//! What one invocation found, as numbers.

use std::time::Duration;

use serde_json::{Value, json};

/// What became of one notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A row was made.
    Recorded,
    /// The row was there; it may have been brought up to date.
    Unchanged,
    /// The file had been deleted: its object was removed again.
    Deleted,
    /// The row says what a malware scanner found.
    Scanned,
    /// A scanner's word on bytes that are no longer there.
    Stale,
    /// Too large, or over quota: tombstone and removal.
    Refused,
    /// The object is gone, and its row with it.
    Forgotten,
    /// There is no object, and no row.
    Missing,
    /// Another bucket's, or a key that is not ours.
    Foreign,
    /// Not an event about an object.
    Unknown,
    /// It will be tried again.
    Failed,
}

/// How often each was found.
#[derive(Debug, Default)]
pub(crate) struct Report([u64; 11]);

const NAMES: [&str; 11] = [
    "recorded",
    "unchanged",
    "deleted",
    "scanned",
    "stale",
    "refused",
    "forgotten",
    "missing",
    "foreign",
    "unknown",
    "failed",
];

impl Report {
    pub(crate) fn count(&mut self, finding: Finding) {
        self.0[finding as usize] += 1;
    }

    pub(crate) fn to_json(&self) -> Value {
        NAMES
            .iter()
            .zip(self.0)
            .map(|(name, count)| ((*name).to_owned(), json!(count)))
            .collect()
    }

    /// The one line of an invocation.
    pub(crate) fn log(&self, took: Duration) {
        let [
            recorded,
            unchanged,
            deleted,
            scanned,
            stale,
            refused,
            forgotten,
            missing,
            foreign,
            unknown,
            failed,
        ] = self.0;
        tracing::info!(
            durationMs = (took.as_secs_f64() * 1e6).round() / 1e3,
            ok = failed == 0,
            recorded,
            unchanged,
            deleted,
            scanned,
            stale,
            refused,
            forgotten,
            missing,
            foreign,
            unknown,
            failed,
            metric.EventsFailed = (failed > 0).then_some(failed),
            "events taken"
        );
    }
}
