//! Simulates a batch. A dry run evaluates limits and quota as the record step does and accumulates
//! the changes of usage, so that it reports the same counts as a run on the same state.
//!
//! The list has size, `ETag` and time, so a HEAD is sent only if the type or a rule decides.

use std::collections::HashMap;

use slipway_core::{Error, ObjectKey, Tombstone, UserId};

use super::batch::{BatchWorker, Refusable};
use super::merge::Pair;
use crate::report::Count;

/// The change of each user's usage, in bytes.
#[derive(Debug)]
pub(super) struct Ledger {
    moved: HashMap<UserId, i64>,
    /// Set if an empty table is rebuilt: remaining usages are dropped first.
    is_empty: bool,
}

impl Ledger {
    pub(super) fn new(is_empty: bool) -> Self {
        let moved = HashMap::new();
        Self { moved, is_empty }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.is_empty
    }

    fn add(&mut self, key: &ObjectKey, bytes: i64) {
        *self.moved.entry(key.owner().clone()).or_default() += bytes;
    }

    pub(super) fn free(&mut self, key: &ObjectKey, bytes: u64) {
        self.add(key, -signed(bytes));
    }

    fn of(&self, user: &UserId) -> i64 {
        self.moved.get(user).copied().unwrap_or_default()
    }

    /// Drops the entries of `owners`. Keys are sorted by owner, so no key of theirs follows.
    pub(super) fn close(&mut self, owners: &[UserId]) {
        for owner in owners {
            self.moved.remove(owner);
        }
    }
}

impl BatchWorker<'_> {
    /// Returns the objects that would be refused. The others are counted as recorded.
    pub(super) async fn would_record(&mut self, pairs: Vec<Pair>) -> Result<Vec<Refusable>, Error> {
        let pairs = self.without_foreign(pairs, |pair| &pair.key).await?;
        self.would_put(pairs, Count::Recorded).await
    }

    /// Like [`Self::would_record`], for objects that differ from their rows.
    pub(super) async fn would_refresh(
        &mut self,
        pairs: Vec<Pair>,
    ) -> Result<Vec<Refusable>, Error> {
        self.would_put(pairs, Count::Refreshed).await
    }

    /// Follows the order of the record step: objects that a limit refuses, then objects that need
    /// no room in a quota, then the others.
    async fn would_put(
        &mut self,
        pairs: Vec<Pair>,
        written: Count,
    ) -> Result<Vec<Refusable>, Error> {
        let (mut refusable, mut growing) = (Vec::new(), Vec::new());
        for pair in pairs {
            if let Some(why) = self.would_refuse(&pair).await? {
                refusable.push(Refusable { pair, why });
            } else if pair.grows_by() > 0 {
                growing.push(pair);
            } else {
                self.put(&pair, written);
            }
        }
        // Objects that must fit into a quota come last.
        growing.sort_by_key(|pair| self.quota_for(pair).is_some());
        for pair in growing {
            if self.has_room(&pair).await? {
                self.put(&pair, written);
            } else {
                let why = Tombstone::OverQuota;
                refusable.push(Refusable { pair, why });
            }
        }
        Ok(refusable)
    }

    fn put(&mut self, pair: &Pair, written: Count) {
        self.ledger.add(&pair.key, pair.grows_by());
        self.count_all(written, [&pair.key]);
    }

    async fn would_refuse(&self, pair: &Pair) -> Result<Option<Tombstone>, Error> {
        let recorder = self.maintain.recorder();
        if let Some(refuses) = recorder.refuses_listed(&pair.listing()) {
            return Ok(refuses.then_some(Tombstone::TooLarge));
        }
        let key = &pair.key;
        let stores = &self.maintain.stores;
        let seen = match pair.row_size {
            Some(_) => stores.db.find_file(key.owner(), key.id()).await?,
            None => None,
        };
        let object = stores.bucket.head(key).await?;
        Ok(object.and_then(|object| recorder.refuses(&object, seen.as_ref())))
    }

    fn quota_for(&self, pair: &Pair) -> Option<u64> {
        let last_modified = pair.listing().last_modified;
        self.maintain.recorder().quota_for(last_modified)
    }

    async fn has_room(&self, pair: &Pair) -> Result<bool, Error> {
        let Some(quota) = self.quota_for(pair) else {
            return Ok(true);
        };
        let owner = pair.key.owner();
        let used = if self.ledger.is_empty {
            0
        } else {
            self.maintain.stores.db.usage(owner).await?.bytes
        };
        let bytes = i128::from(used) + i128::from(self.ledger.of(owner));
        Ok(bytes + i128::from(pair.grows_by()) <= i128::from(quota))
    }

    /// Simulates [`BatchWorker::refuse`]: room in the quota may have become free.
    pub(super) async fn would_be_refused(&mut self, one: &Refusable) -> Result<(), Error> {
        if one.why == Tombstone::OverQuota && self.has_room(&one.pair).await? {
            self.put(&one.pair, one.written());
        } else {
            let size = one.pair.row_size.unwrap_or_default();
            self.ledger.free(&one.pair.key, size);
            self.count_all(Count::Refused, [&one.pair.key]);
        }
        Ok(())
    }
}

impl Pair {
    /// The growth of its owner's usage in bytes.
    fn grows_by(&self) -> i64 {
        signed(self.listing().size) - signed(self.row_size.unwrap_or_default())
    }
}

fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
