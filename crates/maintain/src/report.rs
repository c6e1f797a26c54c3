//! What was found and done, as numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Objects looked at.
    Objects,
    /// Rows looked at, tombstones included.
    Rows,
    /// Objects that had no row and have one now.
    Recorded,
    /// Rows that say again what S3 has.
    Refreshed,
    /// Rows dropped since S3 said 404.
    Forgotten,
    /// Objects of deleted files removed.
    Removed,
    /// Objects removed since they are too large or over a quota; a tombstone stays.
    Refused,
    /// Tombstones dropped.
    Purged,
    /// Multipart uploads that S3 had still open, and has not any more.
    Aborted,
    /// Rows of multipart uploads dropped, since they are over.
    Closed,
    /// Users whose usage was not the sum of their rows.
    Drifted,
    /// Objects and rows whose keys are not ours: never touched.
    Foreign,
    /// Rows of objects in another bucket: never touched.
    Elsewhere,
    /// Rows without an object that are younger than the sweep: left to the next one.
    Young,
    /// Rows without an object that were kept, since dropping more wants `--force`.
    Withheld,
    /// Sweeps left to whoever else is at them.
    Busy,
    /// Files of a user who is erased.
    Erased,
    /// What failed, and is left to the next run.
    Failed,
}

const NAMES: [&str; 18] = [
    "objects",
    "rows",
    "recorded",
    "refreshed",
    "forgotten",
    "removed",
    "refused",
    "purged",
    "aborted",
    "closed",
    "drifted",
    "foreign",
    "elsewhere",
    "young",
    "withheld",
    "busy",
    "erased",
    "failed",
];

/// The numbers of one run. Several sweeps add to it, and a progress bar looks on.
#[derive(Debug, Default)]
pub struct Report([AtomicU64; NAMES.len()]);

/// The numbers of one batch or of one sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; NAMES.len()]);

impl Report {
    /// How many so far.
    #[must_use]
    pub fn get(&self, what: Count) -> u64 {
        self.0[what as usize].load(Ordering::Relaxed)
    }

    /// All of them by name.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        named(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    pub(crate) fn count(&self, what: Count, number: usize) {
        self.0[what as usize].fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, tally: &Tally) {
        for (count, number) in self.0.iter().zip(tally.0) {
            count.fetch_add(number, Ordering::Relaxed);
        }
    }
}

impl Tally {
    /// Reads what [`Tally::to_json`] wrote; what it does not know is none.
    pub(crate) fn parse(json: &str) -> Self {
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        Self(NAMES.map(|name| value.get(name).and_then(Value::as_u64).unwrap_or_default()))
    }

    pub(crate) fn to_json(self) -> String {
        Value::Object(named(self.0.into_iter())).to_string()
    }

    pub(crate) fn get(&self, what: Count) -> u64 {
        self.0[what as usize]
    }

    pub(crate) fn count(&mut self, what: Count, number: usize) {
        self.0[what as usize] += number as u64;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

fn named(counts: impl Iterator<Item = u64>) -> Map<String, Value> {
    NAMES
        .iter()
        .zip(counts)
        .map(|(name, count)| ((*name).to_owned(), json!(count)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_survives_its_json() {
        let mut tally = Tally::default();
        tally.count(Count::Objects, 3);
        tally.count(Count::Failed, 1);
        assert_eq!(Tally::parse(&tally.to_json()), tally);
        assert_eq!(Tally::parse("{}"), Tally::default());
        assert_eq!(Count::Failed as usize + 1, NAMES.len());
    }
}
