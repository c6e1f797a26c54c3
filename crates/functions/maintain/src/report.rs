//! What was found and done, as numbers.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};
use slipway_db::maintain::{Lease, UsageDrift};

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
    /// Rows without an object, and objects to be refused, that were kept, since more want `--force`.
    Withheld,
    /// Sweeps skipped because another worker holds the lease.
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

/// The numbers of one run. Several sweeps add to it while a progress line reads it.
#[derive(Default)]
pub struct Report {
    counts: [AtomicU64; NAMES.len()],
    /// The lease that kept this run from a sweep.
    lease: Mutex<Option<Lease>>,
    list: Option<List>,
    /// About how many objects a rebuild will see; 0 where that is not known.
    expected: AtomicU64,
    /// Hashes of the users whose usage was not the sum. A dry run repairs nothing, and meets some of them twice.
    drifted: Mutex<HashSet<u64>>,
}

/// Called with what is counted and the key, or the user, that it was.
type List = Box<dyn Fn(Count, &str) + Send + Sync>;

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.to_json()).finish()
    }
}

/// The numbers of one batch or of one sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; NAMES.len()]);

impl Count {
    /// Its name in the numbers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

impl Report {
    /// A report that also passes on every key that it counts.
    #[must_use]
    pub fn listing(list: impl Fn(Count, &str) + Send + Sync + 'static) -> Self {
        Self {
            list: Some(Box::new(list)),
            ..Self::default()
        }
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// All of them by name.
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

    /// Counts the keys, and lists them.
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

    /// Those of these users that were not counted before as drifted.
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

    /// About how many objects a rebuild will see, by a sample of the bucket; 0 where there is none.
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
