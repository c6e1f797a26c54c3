//! Doing what a batch wants done. Every step may be repeated, and left at any point.

use futures_util::stream::{self, StreamExt as _};
use slipway_bucket::denied;
use slipway_core::{Code, Error, FileId, ObjectKey};
use slipway_record::{Outcome, Recorder};

use super::merge::Batch;
use crate::allowance::Allowance;
use crate::report::{Count, Tally};
use crate::{Maintain, Options, Report};

/// So many failures in one batch that may pass, and S3 or Postgres is not there to be asked: better to come back.
const MOST_TRANSIENT: usize = 16;

/// One batch at work.
pub(super) struct Act<'a> {
    pub(super) maintain: &'a Maintain,
    pub(super) recorder: &'a Recorder,
    pub(super) options: &'a Options,
    report: &'a Report,
    /// What may still be removed.
    allowance: &'a Allowance<'a>,
    /// What came of it so far.
    pub(super) tally: Tally,
    transient: usize,
}

impl<'a> Act<'a> {
    pub(super) fn new(
        maintain: &'a Maintain,
        recorder: &'a Recorder,
        options: &'a Options,
        report: &'a Report,
        allowance: &'a Allowance<'a>,
    ) -> Self {
        Self {
            maintain,
            recorder,
            options,
            report,
            allowance,
            tally: Tally::default(),
            transient: 0,
        }
    }

    /// Everything that the batch wants done.
    ///
    /// It fails where S3 refuses the credentials, at the first request that shows it: none of the others would do
    /// better, and the checkpoint stays in front of the batch.
    pub(super) async fn all(&mut self, batch: Batch) -> Result<(), Error> {
        self.tally.add(&batch.tally);
        for (what, key) in &batch.noted {
            self.tally.count(*what, 1);
            self.report.list(*what, key);
        }
        self.remove(batch.deleted).await?;
        self.record(batch.unrecorded).await?;
        self.refresh(batch.differing).await?;
        let gone = self.missing(batch.missing).await?;
        if self.transient > MOST_TRANSIENT {
            return Err(Error::unavailable("sweep", "too much of a batch failed"));
        }
        self.forget(gone).await
    }

    /// Objects of deleted files: an upload through a URL that still held, or a removal that failed.
    async fn remove(&mut self, keys: Vec<ObjectKey>) -> Result<(), Error> {
        if keys.is_empty() || !self.options.apply {
            self.count_all(Count::Removed, &keys);
            return Ok(());
        }
        let remaining = match self.recorder.bucket().delete_reporting(&keys).await {
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
        crate::deletes::log_remaining(left.iter());
        self.count_all(Count::Failed, &left);
        Ok(())
    }

    async fn record(&mut self, keys: Vec<ObjectKey>) -> Result<(), Error> {
        if keys.is_empty() || !self.options.apply {
            self.count_all(Count::Recorded, &keys);
            return Ok(());
        }
        let heads = self.options.pace.heads;
        let many = self.recorder.record_many(keys, heads).await?;
        self.count_all(Count::Recorded, &many.created);
        for (key, outcome) in many.others {
            self.outcome(key, outcome, Count::Recorded)?;
        }
        Ok(())
    }

    async fn refresh(&mut self, keys: Vec<ObjectKey>) -> Result<(), Error> {
        if !self.options.apply {
            self.count_all(Count::Refreshed, &keys);
            return Ok(());
        }
        let recorder = self.recorder;
        let mut outcomes = stream::iter(keys)
            .map(async |key| (recorder.refresh(&key).await, key))
            .buffer_unordered(self.options.pace.heads);
        while let Some((outcome, key)) = outcomes.next().await {
            self.outcome(key, outcome, Count::Refreshed)?;
        }
        Ok(())
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
            // Another caller was faster, or the object is gone: the next sweep sees what is left.
            Ok(Outcome::Existing(_) | Outcome::Missing) => return Ok(()),
            Ok(Outcome::Deleted) => Count::Removed,
            Ok(Outcome::Refused(_)) => Count::Refused,
            // A key with the id of another file, which none of our functions makes.
            Err(error) if error.code() == Code::InvalidKey => Count::Foreign,
            Err(error) => return self.failed(error, &[key]),
        };
        self.count_all(what, &[key]);
        Ok(())
    }

    /// Rows without an object: those for which a fresh HEAD says 404.
    async fn missing(&mut self, keys: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, Error> {
        if keys.is_empty() {
            return Ok(keys);
        }
        if self.allowance.left().await? == Some(0) {
            self.count_all(Count::Withheld, &keys);
            return Ok(Vec::new());
        }
        let bucket = self.recorder.bucket();
        let mut heads = stream::iter(keys)
            .map(async |key| (bucket.head(&key).await, key))
            .buffer_unordered(self.options.pace.heads);
        let mut gone = Vec::new();
        while let Some((head, key)) = heads.next().await {
            match head {
                Ok(None) => gone.push(key),
                Ok(Some(_)) => {}
                Err(error) => self.failed(error, &[key])?,
            }
        }
        // Of the rows that may go, the first in the order of keys go: the ones that a dry run lists.
        gone.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(gone)
    }

    /// Drops as many rows as the allowance grants. Each is read again, and S3 asked again after that: a row goes only
    /// as it was then.
    async fn forget(&mut self, mut gone: Vec<ObjectKey>) -> Result<(), Error> {
        let grant = self.allowance.take(gone.len()).await?;
        let withheld = gone.split_off(grant.removals.min(gone.len()));
        self.count_all(Count::Withheld, &withheld);
        let (mut made, mut result) = (0, Ok(()));
        for key in gone {
            let forgotten = if self.options.apply {
                self.recorder.forget(&key).await
            } else {
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

    /// Whose keys are done with: their usage must be the sum of their rows.
    pub(super) async fn audit(&mut self, owners: &[slipway_core::UserId]) -> Result<(), Error> {
        // A rebuild of an empty table drops the usages first, and a dry run of it only says that it would.
        if owners.is_empty() || (self.options.rebuild && !self.options.apply) {
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

    /// Passes over a fault of these keys, or fails where S3 refuses the credentials.
    fn failed(&mut self, error: Error, keys: &[ObjectKey]) -> Result<(), Error> {
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

    fn count_all(&mut self, what: Count, keys: &[ObjectKey]) {
        self.tally.count(what, keys.len());
        for key in keys {
            self.report.list(what, key.as_str());
        }
    }
}
