//! Finishes deletes: removes the objects of tombstones, and drops expired tombstones.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::limits::UPLOAD_ENDS_AFTER;
use slipway_core::{Error, FileId, ObjectKey};
use slipway_db::maintain::{TombstoneCursor, TombstoneRow};
use slipway_s3::{Remaining, denied};

use crate::report::Count;
use crate::{Deadline, Maintain, Options, Report};

/// The number of tombstones in one page: the maximum of one `DeleteObjects`.
const PAGE: u32 = 1000;

/// The age at which a tombstone may be dropped: longer than any upload URL is valid.
pub const TOMBSTONE_AGE: Duration = UPLOAD_ENDS_AFTER;

/// The time after its outcome in which a webhook event can be replayed.
const EVENT_AGE: Duration = Duration::from_hours(7 * 24);

/// One run over the tombstones. Each step can be repeated and interrupted at any point: a tombstone
/// is dropped only after S3 has returned 404 for its object.
pub(crate) struct Deletes<'a> {
    pub(crate) maintain: &'a Maintain,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
}

impl Deletes<'_> {
    /// Returns `false` if the deadline passed first.
    pub(crate) async fn run(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        // If the bucket itself were missing, every HEAD would return 404.
        self.maintain.stores.bucket.list_after("", 1).await?;
        Ok(self.remove(deadline).await?
            && self.purge(deadline).await?
            && self.expire(deadline).await?)
    }

    /// Removes the objects of tombstones that are not marked as removed. Objects that S3 fails to
    /// remove are left to the next run.
    async fn remove(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let bucket = self.maintain.stores.location.bucket.as_str();
        let mut after = TombstoneCursor::default();
        loop {
            if deadline.has_passed() {
                return Ok(false);
            }
            let page = self.maintain.db.unremoved_tombstones(bucket, after, PAGE);
            let page = page.await?;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            after = last.into();
            if self.options.apply {
                self.remove_objects(&page).await?;
            } else {
                self.report.count_keys(Count::Removed, keys(&page));
            }
        }
    }

    /// Drops old tombstones for whose object a HEAD returns 404, and removes objects that exist
    /// again.
    async fn purge(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let bucket = self.maintain.stores.location.bucket.as_str();
        let mut after = TombstoneCursor::default();
        loop {
            if deadline.has_passed() {
                return Ok(false);
            }
            let page = self
                .maintain
                .db
                .old_tombstones(bucket, TOMBSTONE_AGE, after, PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            after = last.into();
            let Some(looked) = deadline.limit(self.look_at(page)).await else {
                return Ok(false);
            };
            let (gone, there) = looked?;
            if self.options.apply {
                let ids: Vec<FileId> = gone.iter().map(|tombstone| tombstone.id).collect();
                let purged = self
                    .maintain
                    .db
                    .purge_tombstones(&ids, TOMBSTONE_AGE)
                    .await?;
                let purged = gone.iter().filter(|one| purged.contains(&one.id));
                self.report
                    .count_keys(Count::Purged, purged.map(|one| one.key.as_str()));
                self.remove_objects(&there).await?;
            } else {
                self.report.count_keys(Count::Purged, keys(&gone));
                self.report.count_keys(Count::Removed, keys(&there));
            }
        }
    }

    /// Deletes old events of the webhook. A dry run counts them.
    async fn expire(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        loop {
            if deadline.has_passed() {
                return Ok(false);
            }
            let expired = self
                .maintain
                .db
                .expire_events(EVENT_AGE, self.options.apply);
            let expired = usize::try_from(expired.await?).unwrap_or(usize::MAX);
            self.report.count(Count::Expired, expired);
            if expired == 0 || !self.options.apply {
                return Ok(true);
            }
        }
    }

    /// Returns the tombstones without an object, and those with one. Fails if S3 refuses the
    /// credentials, because every other HEAD would fail as well.
    async fn look_at(
        &self,
        page: Vec<TombstoneRow>,
    ) -> Result<(Vec<TombstoneRow>, Vec<TombstoneRow>), Error> {
        let (mut gone, mut there) = (Vec::new(), Vec::new());
        let mut heads = stream::iter(page)
            .map(async |tombstone| {
                let head = self.maintain.stores.bucket.head(&tombstone.key).await;
                (tombstone, head)
            })
            .buffer_unordered(self.options.pace.heads);
        while let Some((tombstone, head)) = heads.next().await {
            match head {
                Ok(None) => gone.push(tombstone),
                Ok(Some(_)) => there.push(tombstone),
                Err(error) if denied(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        fileId = error.file().map(tracing::field::display),
                        owner = error.owner(),
                        code = error.code().as_str(),
                        cause = error.causes(),
                        s3RequestId = error.s3_request(),
                        "left to the next run"
                    );
                    self.report
                        .count_keys(Count::Failed, keys(std::slice::from_ref(&tombstone)));
                }
            }
        }
        Ok((gone, there))
    }

    async fn remove_objects(&self, tombstones: &[TombstoneRow]) -> Result<(), Error> {
        if tombstones.is_empty() {
            return Ok(());
        }
        let files = tombstones.iter().map(|one| (&one.key, one.has_preview));
        let remaining = self.maintain.stores.bucket.delete_files(files).await?;
        let (left, removed): (Vec<&TombstoneRow>, Vec<&TombstoneRow>) = tombstones
            .iter()
            .partition(|one| remaining.contains(&one.key));
        let ids: Vec<FileId> = removed.iter().map(|one| one.id).collect();
        self.report
            .count_keys(Count::Removed, removed.iter().map(|one| one.key.as_str()));
        self.maintain.db.mark_removed(&ids).await?;
        if let Some(error) = remaining.denied() {
            return Err(error);
        }
        log_remaining(left.iter().map(|one| &one.key), &remaining);
        self.report
            .count_keys(Count::Failed, left.iter().map(|one| one.key.as_str()));
        Ok(())
    }
}

fn keys(tombstones: &[TombstoneRow]) -> impl Iterator<Item = &str> {
    tombstones.iter().map(|one| one.key.as_str())
}

/// Logs one line for each object that S3 did not remove.
pub(crate) fn log_remaining<'a>(keys: impl Iterator<Item = &'a ObjectKey>, remaining: &Remaining) {
    for key in keys {
        tracing::warn!(
            fileId = %key.id(),
            owner = key.owner().fingerprint(),
            s3Code = remaining.code(key),
            "the object remains; the next run removes it"
        );
    }
}
