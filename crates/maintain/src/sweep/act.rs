//! Doing what a batch wants done. Every step may be repeated, and left at any point.

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Code, Error, FileId, ObjectKey};
use slipway_record::{Outcome, Recorder};

use super::merge::Batch;
use crate::report::{Count, Tally};
use crate::{Maintain, Options};

/// So many failures in one batch that may pass, and S3 or Postgres is not there to be asked: better to come back.
const MOST_TRANSIENT: usize = 16;

/// One batch at work.
pub(super) struct Act<'a> {
    pub(super) maintain: &'a Maintain,
    pub(super) recorder: &'a Recorder,
    pub(super) options: &'a Options,
    /// How many rows may still be dropped.
    allowance: u64,
    /// What came of it so far.
    pub(super) tally: Tally,
    transient: usize,
}

impl<'a> Act<'a> {
    pub(super) fn new(
        maintain: &'a Maintain,
        recorder: &'a Recorder,
        options: &'a Options,
        allowance: u64,
    ) -> Self {
        Self {
            maintain,
            recorder,
            options,
            allowance,
            tally: Tally::default(),
            transient: 0,
        }
    }

    /// Everything but dropping rows: answers those that may go, since S3 says 404 for their objects.
    pub(super) async fn all(&mut self, batch: Batch) -> Result<Vec<ObjectKey>, Error> {
        self.tally.add(&batch.tally);
        self.remove(batch.deleted).await?;
        self.record(batch.unrecorded).await?;
        self.refresh(batch.differing).await;
        let mut gone = self.missing(batch.missing).await;
        let most = usize::try_from(self.allowance).unwrap_or(usize::MAX);
        self.tally
            .count(Count::Withheld, gone.len().saturating_sub(most));
        gone.truncate(most);
        if self.transient > MOST_TRANSIENT {
            return Err(Error::unavailable("sweep", "too much of a batch failed"));
        }
        Ok(gone)
    }

    /// Objects of deleted files: an upload through a URL that still held, or a removal that failed.
    async fn remove(&mut self, keys: Vec<ObjectKey>) -> Result<(), Error> {
        if keys.is_empty() || !self.options.apply {
            self.tally.count(Count::Removed, keys.len());
            return Ok(());
        }
        let remaining = match self.recorder.bucket().delete_reporting(&keys).await {
            Ok(remaining) => remaining,
            Err(error) => {
                self.failed(&error, keys.len());
                return Ok(());
            }
        };
        let removed: Vec<FileId> = keys
            .iter()
            .filter(|key| !remaining.contains(key.as_str()))
            .map(ObjectKey::id)
            .collect();
        self.tally.count(Count::Failed, remaining.len());
        self.tally.count(Count::Removed, removed.len());
        self.maintain.db.mark_removed(&removed).await?;
        Ok(())
    }

    async fn record(&mut self, keys: Vec<ObjectKey>) -> Result<(), Error> {
        if keys.is_empty() || !self.options.apply {
            self.tally.count(Count::Recorded, keys.len());
            return Ok(());
        }
        let heads = self.options.pace.heads;
        let many = self.recorder.record_many(keys, heads).await?;
        self.tally.count(Count::Recorded, many.created);
        for outcome in many.others {
            self.outcome(outcome, Count::Recorded);
        }
        Ok(())
    }

    async fn refresh(&mut self, keys: Vec<ObjectKey>) {
        if !self.options.apply {
            self.tally.count(Count::Refreshed, keys.len());
            return;
        }
        let recorder = self.recorder;
        let mut outcomes = stream::iter(keys)
            .map(async |key| recorder.refresh(&key).await)
            .buffer_unordered(self.options.pace.heads);
        while let Some(outcome) = outcomes.next().await {
            self.outcome(outcome, Count::Refreshed);
        }
    }

    fn outcome(&mut self, outcome: Result<Outcome, Error>, written: Count) {
        match outcome {
            Ok(Outcome::Created(_)) => self.tally.count(Count::Recorded, 1),
            Ok(Outcome::Existing(_)) if written == Count::Refreshed => self.tally.count(written, 1),
            // Somebody else was faster, or the object went meanwhile: the next sweep sees what is left.
            Ok(Outcome::Existing(_) | Outcome::Missing) => {}
            Ok(Outcome::Deleted) => self.tally.count(Count::Removed, 1),
            Ok(Outcome::Refused(_)) => self.tally.count(Count::Refused, 1),
            // A key with the id of another file: nobody of ours has made it.
            Err(error) if error.code() == Code::InvalidKey => self.tally.count(Count::Foreign, 1),
            Err(error) => self.failed(&error, 1),
        }
    }

    /// Rows without an object, of which only those may go that S3 answers 404 for now.
    async fn missing(&mut self, keys: Vec<ObjectKey>) -> Vec<ObjectKey> {
        if self.allowance == 0 {
            self.tally.count(Count::Withheld, keys.len());
            return Vec::new();
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
                Err(error) => self.failed(&error, 1),
            }
        }
        gone
    }

    /// Drops rows. Each is read again, and S3 asked again after that: a row goes only as it was then.
    pub(super) async fn forget(&mut self, gone: Vec<ObjectKey>) {
        for key in gone {
            let forgotten = if self.options.apply {
                self.recorder.forget(&key).await
            } else {
                Ok(true)
            };
            match forgotten {
                Ok(forgotten) => self.tally.count(Count::Forgotten, usize::from(forgotten)),
                Err(error) => self.failed(&error, 1),
            }
        }
    }

    /// Whose keys are done with: their usage must be the sum of their rows.
    pub(super) async fn audit(&mut self, owners: &[slipway_core::UserId]) -> Result<(), Error> {
        if owners.is_empty() {
            return Ok(());
        }
        let drifted = self.maintain.db.usage_drift(owners).await?;
        self.tally.count(Count::Drifted, drifted.len());
        if self.options.apply && !drifted.is_empty() {
            self.maintain.db.repair_usage(&drifted).await?;
        }
        Ok(())
    }

    fn failed(&mut self, error: &Error, number: usize) {
        let code = error.code();
        tracing::warn!(
            code = code.as_str(),
            cause = error.causes(),
            "left as it is"
        );
        self.tally.count(Count::Failed, number);
        if matches!(code, Code::Unavailable | Code::Timeout) {
            self.transient += number;
        }
    }
}
