//! The counts of a run.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};
use slipway_db::maintain::{Lease, UsageDrift};

/// A count of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Objects read.
    Objects,
    /// Rows read, including tombstones.
    Rows,
    /// Objects that had no row and have one now.
    Recorded,
    /// Rows updated to what S3 has.
    Refreshed,
    /// Rows dropped because a HEAD returned 404.
    Forgotten,
    /// Removed objects of deleted files.
    Removed,
    /// Objects refused by a limit, a rule or a quota. They are removed, and a tombstone remains.
    Refused,
    /// Tombstones dropped.
    Purged,
    /// Multipart uploads aborted in S3.
    Aborted,
    /// Dropped rows of multipart uploads that have ended.
    Closed,
    /// Users with a usage other than the sum of their rows.
    Drifted,
    /// Objects and rows with keys that are not keys of Slipway. They are never changed.
    Foreign,
    /// Rows of objects in another bucket. They are never changed.
    Elsewhere,
    /// Rows without an object that are newer than the start of the sweep, left to the next sweep.
    Young,
    /// Rows without an object, and objects to refuse, that were kept because they exceed the daily
    /// allowance and `--force` is not set.
    Withheld,
    /// Sweeps skipped because another worker holds the lease.
    Busy,
    /// Files that `--erase` deletes.
    Erased,
    /// Events of the webhook that were deleted, because they ended a week ago.
    Expired,
    /// Failures. The next run repeats the step.
    Failed,
}

const NAMES: [&str; 19] = [
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
    "expired",
    "failed",
];

/// The counts of one run. Concurrent sweeps add to them while the progress line reads them.
#[derive(Default)]
pub struct Report {
    counts: [AtomicU64; NAMES.len()],
    /// The lease that kept this run from a sweep.
    lease: Mutex<Option<Lease>>,
    list: Option<List>,
    /// The estimated number of objects of a rebuild, or 0 if it is unknown.
    expected: AtomicU64,
    /// Hashes of the users counted as drifted. A dry run repairs nothing, so it finds some twice.
    drifted: Mutex<HashSet<u64>>,
}

/// Called with the count and the key or user that is counted.
type List = Box<dyn Fn(Count, &str) + Send + Sync>;

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.to_json()).finish()
    }
}

/// The counts of one batch or of one sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; NAMES.len()]);

impl Count {
    /// The name of the count in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

impl Report {
    /// A report that also passes every counted key to `list`.
    #[must_use]
    pub fn listing(list: impl Fn(Count, &str) + Send + Sync + 'static) -> Self {
        Self {
            list: Some(Box::new(list)),
            ..Self::default()
        }
    }

    /// The current value of a count.
    #[must_use]
    pub fn get(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// All counts by name.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        named(
            self.counts
                .iter()
                .map(|count| count.load(Ordering::Relaxed)),
        )
    }

    pub(crate) fn count(&self, what: Count, number: usize) {
        self.counts[what as usize].fetch_add(number as u64, Ordering::Relaxed);
    }

    /// Counts and lists the keys.
    pub(crate) fn count_keys<'k>(&self, what: Count, keys: impl Iterator<Item = &'k str>) {
        for key in keys {
            self.count(what, 1);
            self.list(what, key);
        }
    }

    /// Lists a key that is counted elsewhere.
    pub(crate) fn list(&self, what: Count, key: &str) {
        if let Some(list) = &self.list {
            list(what, key);
        }
    }

    /// The users of `drifted` that this report has not counted as drifted before.
    pub(crate) fn newly_drifted<'d>(&self, drifted: &'d [UsageDrift]) -> Vec<&'d str> {
        let mut seen = self.drifted.lock().unwrap_or_else(PoisonError::into_inner);
        let users = drifted.iter().map(|drift| drift.user.as_str());
        let hash = |user: &str| BuildHasherDefault::<DefaultHasher>::default().hash_one(user);
        users.filter(|user| seen.insert(hash(user))).collect()
    }

    /// Counts a sweep that another worker holds, and keeps the lease that ends last.
    pub(crate) fn busy(&self, lease: Lease) {
        self.count(Count::Busy, 1);
        let mut latest = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if latest
            .as_ref()
            .is_none_or(|other| other.until < lease.until)
        {
            *latest = Some(lease);
        }
    }

    pub(crate) fn expect(&self, objects: u64) {
        self.expected.store(objects, Ordering::Relaxed);
    }

    /// The estimated number of objects of a rebuild, from a sample of the bucket, or 0 without one.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.expected.load(Ordering::Relaxed)
    }

    /// The lease that kept this run from a sweep, if one did.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        self.lease
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn add(&self, tally: &Tally) {
        for (count, number) in self.counts.iter().zip(tally.0) {
            count.fetch_add(number, Ordering::Relaxed);
        }
    }
}

impl Tally {
    /// Parses the output of [`Tally::to_json`]. A missing count is 0.
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
