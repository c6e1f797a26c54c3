//! Applies a batch to the bucket and the table. Every step can be repeated, and interrupted at any
//! point.

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Code, Error, FileId, ObjectKey, Tombstone};
use slipway_db::maintain::Relocated;
use slipway_record::{Outcome, Recorder, Swept};
use slipway_s3::denied;

use super::dry::Ledger;
use super::merge::{Batch, Missing, Pair};
use crate::allowance::Allowance;
use crate::report::{Count, Tally};
use crate::{Maintain, Options, Report};

/// After this many transient failures in a batch the run stops: S3 or Postgres is probably down.
const MOST_TRANSIENT: usize = 16;

/// An object that the record step refuses, and the reason.
#[derive(Debug)]
pub(super) struct Refusable {
    pub(super) pair: Pair,
    pub(super) why: Tombstone,
}

impl Refusable {
    /// The count for an object that is not refused in the end.
    pub(super) const fn written(&self) -> Count {
        if self.pair.row_size.is_some() {
            Count::Refreshed
        } else {
            Count::Recorded
        }
    }
}

/// Applies one batch.
pub(super) struct BatchWorker<'a> {
    pub(super) maintain: &'a Maintain,
    pub(super) options: &'a Options,
    report: &'a Report,
    /// The number of removals that the run may still make.
    allowance: &'a Allowance<'a>,
    /// The changes of usage that a dry run would have made.
    pub(super) ledger: &'a mut Ledger,
    /// The results so far.
    pub(super) tally: Tally,
    transient: usize,
}

impl<'a> BatchWorker<'a> {
    pub(super) fn new(
        maintain: &'a Maintain,
        options: &'a Options,
        report: &'a Report,
        allowance: &'a Allowance<'a>,
        ledger: &'a mut Ledger,
    ) -> Self {
        Self {
            maintain,
            options,
            report,
            allowance,
            ledger,
            tally: Tally::default(),
            transient: 0,
        }
    }

    /// Applies the whole batch.
    ///
    /// It fails at the first request whose credentials S3 refuses, because all others would fail as
    /// well. The checkpoint then stays before the batch.
    pub(super) async fn all(&mut self, batch: Batch) -> Result<(), Error> {
        self.tally.add(&batch.tally);
        for (what, key) in &batch.noted {
            self.tally.count(*what, 1);
            self.report.list(*what, key);
        }
        self.remove(batch.deleted).await?;
        self.lose_previews(batch.unpreviewed).await?;
        self.relocate(batch.moved).await?;
        let mut refusable = if self.options.apply {
            let mut refusable = self.record(batch.unrecorded).await?;
            refusable.extend(self.refresh(batch.differing).await?);
            refusable
        } else {
            let mut refusable = self.would_record(batch.unrecorded).await?;
            refusable.extend(self.would_refresh(batch.differing).await?);
            refusable
        };
        // Objects that are too large come first. Their removal may leave room for objects over the
        // quota.
        refusable.sort_by_key(|one| one.why == Tombstone::OverQuota);
        // After the files are recorded: a rebuild lists the previews of all of them.
        self.remove_previews(batch.previews).await?;
        self.check_transient()?;
        self.refuse(refusable).await?;
        let gone = self.missing(batch.missing).await?;
        self.check_transient()?;
        self.forget(gone).await
    }

    fn recorder(&self) -> Recorder<'a> {
        if self.options.rebuild {
            self.maintain.silent_recorder()
        } else {
            self.maintain.recorder()
        }
    }

    fn check_transient(&self) -> Result<(), Error> {
        if self.transient > MOST_TRANSIENT {
            return Err(Error::unavailable("sweep", "too much of a batch failed"));
        }
        Ok(())
    }

    /// Removes objects of deleted files: they were uploaded through a URL that was still valid, or
    /// a removal failed.
    async fn remove(&mut self, keys: Vec<ObjectKey>) -> Result<(), Error> {
        if keys.is_empty() || !self.options.apply {
            self.count_all(Count::Removed, &keys);
            return Ok(());
        }
        let bucket = &self.maintain.stores.bucket;
        let remaining = match bucket.delete_reporting(&keys).await {
            Ok(remaining) => remaining,
            Err(error) => return self.failed(error, &keys),
        };
        let (left, removed): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|key| remaining.contains(key));
        let ids: Vec<FileId> = removed.iter().map(ObjectKey::id).collect();
        self.count_all(Count::Removed, &removed);
        self.maintain.db.mark_removed(&ids).await?;
        if let Some(error) = remaining.denied() {
            return Err(error);
        }
        crate::deletes::log_remaining(left.iter(), &remaining);
        self.count_all(Count::Failed, &left);
        Ok(())
    }

    /// Corrects rows that describe their object but name another bucket or URL. S3 has just listed
    /// the object here, so no HEAD is needed.
    async fn relocate(&mut self, moved: Vec<Relocated>) -> Result<(), Error> {
        if moved.is_empty() || !self.options.apply {
            self.count_all(Count::Refreshed, moved.iter().map(|file| &file.key));
            return Ok(());
        }
        let bucket = self.maintain.stores.location.bucket.as_str();
        let done = self.maintain.db.relocate_files(&moved, bucket).await?;
        let done = moved.iter().filter(|file| done.contains(&file.key.id()));
        self.count_all(Count::Refreshed, done.map(|file| &file.key));
        Ok(())
    }

    async fn record(&mut self, pairs: Vec<Pair>) -> Result<Vec<Refusable>, Error> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let keys = pairs.iter().map(|pair| pair.key.clone()).collect();
        let heads = self.options.pace.heads;
        let swept = self.recorder().record_many(keys, heads).await?;
        self.count_all(Count::Recorded, &swept.created);
        let refusable = self.swept(swept, pairs, Count::Recorded)?;
        // A key with the id of another file is not refused, whatever its size.
        self.without_foreign(refusable, |one| &one.pair.key).await
    }

    async fn refresh(&mut self, pairs: Vec<Pair>) -> Result<Vec<Refusable>, Error> {
        let keys = pairs.iter().map(|pair| pair.key.clone()).collect();
        let heads = self.options.pace.heads;
        let swept = self.recorder().refresh_many(keys, heads).await;
        self.swept(swept, pairs, Count::Refreshed)
    }

    fn swept(
        &mut self,
        swept: Swept,
        mut pairs: Vec<Pair>,
        written: Count,
    ) -> Result<Vec<Refusable>, Error> {
        for (key, outcome) in swept.others {
            self.outcome(key, outcome, written)?;
        }
        let refusable = swept.refusable.into_iter().filter_map(|(key, why)| {
            let at = pairs.iter().position(|pair| pair.key == key)?;
            let pair = pairs.swap_remove(at);
            Some(Refusable { pair, why })
        });
        Ok(refusable.collect())
    }

    /// Counts the items whose id belongs to another file, and returns the others.
    pub(super) async fn without_foreign<T>(
        &mut self,
        items: Vec<T>,
        key: fn(&T) -> &ObjectKey,
    ) -> Result<Vec<T>, Error> {
        if items.is_empty() {
            return Ok(items);
        }
        let keys: Vec<&ObjectKey> = items.iter().map(key).collect();
        let taken = self.maintain.db.taken_ids(&keys).await?;
        let (foreign, ours): (Vec<T>, Vec<T>) = items
            .into_iter()
            .partition(|item| taken.contains(&key(item).id()));
        self.count_all(Count::Foreign, foreign.iter().map(key));
        Ok(ours)
    }

    /// Refuses as many objects as the allowance grants, one after the other. Each is read again,
    /// and the statement that writes the tombstone decides.
    async fn refuse(&mut self, mut refusable: Vec<Refusable>) -> Result<(), Error> {
        let grant = self.allowance.take(refusable.len()).await?;
        let withheld = refusable.split_off(grant.removals.min(refusable.len()));
        self.count_all(Count::Withheld, withheld.iter().map(|one| &one.pair.key));
        let before = self.tally.get(Count::Refused);
        let mut result = Ok(());
        for one in refusable {
            result = if self.options.apply {
                let outcome = self.recorder().refresh(&one.pair.key).await;
                let written = one.written();
                self.outcome(one.pair.key, outcome, written)
            } else {
                self.would_be_refused(&one).await
            };
            if result.is_err() {
                break;
            }
        }
        let refused = self.tally.get(Count::Refused) - before;
        let refused = usize::try_from(refused).unwrap_or(usize::MAX);
        self.allowance.settle(grant, refused).await?;
        result
    }

    fn outcome(
        &mut self,
        key: ObjectKey,
        outcome: Result<Outcome, Error>,
        written: Count,
    ) -> Result<(), Error> {
        let what = match outcome {
            Ok(Outcome::Created(_)) => Count::Recorded,
            Ok(Outcome::Existing(_)) if written == Count::Refreshed => written,
            // Another caller was faster, or the object is missing. The next sweep processes the
            // remaining difference.
            Ok(Outcome::Existing(_) | Outcome::Missing) => return Ok(()),
            Ok(Outcome::Deleted) => Count::Removed,
            Ok(Outcome::Refused(_)) => Count::Refused,
            // A key with the id of another file. No function of ours creates such a key.
            Err(error) if error.code() == Code::InvalidKey => Count::Foreign,
            Err(error) => return self.failed(error, &[key]),
        };
        self.count_all(what, &[key]);
        Ok(())
    }

    /// The rows without an object, which a new HEAD confirms with 404.
    async fn missing(&mut self, rows: Vec<Missing>) -> Result<Vec<Missing>, Error> {
        if rows.is_empty() {
            return Ok(rows);
        }
        if self.allowance.left() == Some(0) {
            self.count_all(Count::Withheld, rows.iter().map(|row| &row.key));
            return Ok(Vec::new());
        }
        let bucket = &self.maintain.stores.bucket;
        let mut heads = stream::iter(rows)
            .map(async |row| (bucket.head(&row.key).await, row))
            .buffer_unordered(self.options.pace.heads);
        let mut gone = Vec::new();
        while let Some((head, row)) = heads.next().await {
            match head {
                Ok(None) => gone.push(row),
                Ok(Some(_)) => {}
                Err(error) => self.failed(error, &[row.key])?,
            }
        }
        // The first rows in the order of keys are dropped: the same ones that a dry run lists.
        gone.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
        Ok(gone)
    }

    /// Drops as many rows as the allowance grants. Each row is read again, followed by another
    /// HEAD. A row that has changed since is kept.
    async fn forget(&mut self, mut gone: Vec<Missing>) -> Result<(), Error> {
        let grant = self.allowance.take(gone.len()).await?;
        let withheld = gone.split_off(grant.removals.min(gone.len()));
        self.count_all(Count::Withheld, withheld.iter().map(|row| &row.key));
        let (mut made, mut result) = (0, Ok(()));
        for Missing { key, size } in gone {
            let forgotten = if self.options.apply {
                self.recorder().forget(&key).await
            } else {
                self.ledger.free(&key, size);
                Ok(true)
            };
            match forgotten {
                Ok(true) => {
                    made += 1;
                    self.count_all(Count::Forgotten, &[key]);
                }
                Ok(false) => {}
                Err(error) => {
                    result = self.failed(error, &[key]);
                    if result.is_err() {
                        break;
                    }
                }
            }
        }
        self.allowance.settle(grant, made).await?;
        result
    }

    /// Audits owners whose keys have all been compared: their usage must equal the sum of their
    /// rows.
    pub(super) async fn audit(&mut self, owners: &[slipway_core::UserId]) -> Result<(), Error> {
        // A rebuild of an empty table drops the usages first, and a dry run of it only reports that
        // it would.
        self.ledger.close(owners);
        if owners.is_empty() || (self.ledger.is_empty() && !self.options.apply) {
            return Ok(());
        }
        let drifted = self.maintain.db.usage_drift(owners).await?;
        let users = self.report.newly_drifted(&drifted);
        self.tally.count(Count::Drifted, users.len());
        for user in users {
            self.report.list(Count::Drifted, user);
        }
        if self.options.apply && !drifted.is_empty() {
            self.maintain.db.repair_usage(&drifted).await?;
        }
        Ok(())
    }

    /// Counts a failure of these keys, or fails if S3 refuses the credentials.
    pub(super) fn failed(&mut self, error: Error, keys: &[ObjectKey]) -> Result<(), Error> {
        if denied(&error) {
            return Err(error);
        }
        let code = error.code();
        let number = keys.len().max(1);
        tracing::warn!(
            fileId = error.file().map(tracing::field::display),
            owner = error.owner(),
            code = error.code().as_str(),
            cause = error.causes(),
            s3RequestId = error.s3_request(),
            objects = number,
            "left as it is"
        );
        self.tally.count(Count::Failed, number);
        for key in keys {
            self.report.list(Count::Failed, key.as_str());
        }
        if matches!(code, Code::Unavailable | Code::Timeout) {
            self.transient += number;
        }
        Ok(())
    }

    pub(super) fn count_all<'k>(
        &mut self,
        what: Count,
        keys: impl IntoIterator<Item = &'k ObjectKey>,
    ) {
        for key in keys {
            self.tally.count(what, 1);
            self.report.list(what, key.as_str());
        }
    }
}
