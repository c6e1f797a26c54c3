//! Everything of one user goes, as when the law or a contract says so.
//!
//! It is a delete of each file, as the user could have done it: tombstones stand until no upload URL can bring a file
//! back, and `deletes` drops them then. A second run after that drops what is left of the user's usage.

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Error, FileId, ObjectKey, UserId};
use slipway_db::Page;
use slipway_record::{Outcome, Recorder};

use crate::report::Count;
use crate::{Deadline, Maintain, Report, Summary};

/// What one `DeleteObjects` takes, and one list answers.
const PAGE: u16 = 1000;

/// How many unrecorded objects are taken at once.
const AT_ONCE: usize = 8;

/// One user's end.
struct Erase<'a> {
    maintain: &'a Maintain,
    user: &'a UserId,
    apply: bool,
    report: &'a Report,
}

impl Maintain {
    /// Deletes every file of `user`, recorded or not; without `apply` it only counts.
    ///
    /// It may be repeated, and stops at `deadline`. What is uploaded meanwhile is a new file: end the user's tokens first.
    pub async fn erase(
        &self,
        user: &UserId,
        apply: bool,
        deadline: Deadline,
        report: &Report,
    ) -> Summary {
        let erase = Erase {
            maintain: self,
            user,
            apply,
            report,
        };
        let (finished, stopped) = match erase.run(deadline).await {
            Ok(finished) => (finished, None),
            Err(error) => {
                report.count(Count::Failed, 1);
                let (code, cause) = (error.code().as_str(), error.causes());
                tracing::error!(code, cause, "stopped");
                (false, Some(cause))
            }
        };
        Summary {
            finished,
            stopped,
            needs_force: false,
            failed: report.get(Count::Failed),
            applied: apply,
        }
    }
}

impl Erase<'_> {
    async fn run(&self, deadline: Deadline) -> Result<bool, Error> {
        // First, so that none of them becomes a file behind our back.
        if !self.uploads(deadline).await?
            || !self.files(deadline).await?
            || !self.objects(deadline).await?
        {
            return Ok(false);
        }
        if self.apply {
            self.maintain.db.forget_user(self.user).await?;
        }
        Ok(true)
    }

    /// Multipart uploads that are not complete, and their rows.
    async fn uploads(&self, deadline: Deadline) -> Result<bool, Error> {
        let bucket = self.maintain.recorder.bucket();
        let prefix = ObjectKey::prefix_of(self.user);
        let mut after = None;
        while !deadline.has_passed() {
            let page = bucket.open_uploads(&prefix, after.as_ref(), PAGE).await?;
            for upload in &page.uploads {
                let Ok(key) = ObjectKey::parse(&upload.key) else {
                    continue;
                };
                let aborted = !self.apply || bucket.abort_upload(&key, &upload.upload_id).await?;
                self.report.count(Count::Aborted, usize::from(aborted));
            }
            after = page.next;
            if after.is_none() {
                if self.apply {
                    let closed = self.maintain.db.drop_uploads_of(self.user).await?;
                    self.report.count(Count::Closed, closed);
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those that have a row.
    async fn files(&self, deadline: Deadline) -> Result<bool, Error> {
        let mut before = None;
        while !deadline.has_passed() {
            let page = Page {
                limit: PAGE.into(),
                before,
                content_type_prefix: None,
            };
            let files = self.maintain.db.list_files(self.user, &page).await?.files;
            let Some(last) = files.last() else {
                return Ok(true);
            };
            before = Some(last.id);
            self.report.count(Count::Erased, files.len());
            if self.apply {
                let ids: Vec<FileId> = files.iter().map(|file| file.id).collect();
                let hidden = self.maintain.db.delete_files(self.user, &ids).await?;
                self.remove(&hidden).await?;
            }
        }
        Ok(false)
    }

    /// Those that nobody has recorded: each gets its row, and so its tombstone.
    async fn objects(&self, deadline: Deadline) -> Result<bool, Error> {
        let recorder = self.maintain.recorder.lenient();
        let prefix = ObjectKey::prefix_of(self.user);
        let mut after = prefix.clone();
        while !deadline.has_passed() {
            let page = recorder.bucket().list_after(&after, PAGE).await?;
            let listed = page.objects.iter().map(|object| object.key.as_str());
            let theirs: Vec<&str> = listed.take_while(|key| key.starts_with(&prefix)).collect();
            let is_last = !page.more || theirs.len() < page.objects.len();
            let (keys, foreign): (Vec<_>, Vec<_>) = theirs
                .iter()
                .map(|key| ObjectKey::parse(key))
                .partition(Result::is_ok);
            self.report.count(Count::Foreign, foreign.len());
            let keys: Vec<ObjectKey> = keys.into_iter().flatten().collect();
            if self.apply {
                self.take(&recorder, &keys).await?;
            } else {
                let unrecorded = self.unrecorded(&keys).await?;
                self.report.count(Count::Erased, unrecorded);
            }
            match theirs.last() {
                Some(last) if !is_last => (*last).clone_into(&mut after),
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn take(&self, recorder: &Recorder, keys: &[ObjectKey]) -> Result<(), Error> {
        let mut outcomes = stream::iter(keys)
            .map(|key| async move { (key, recorder.record(key).await) })
            .buffer_unordered(AT_ONCE);
        let mut found = Vec::new();
        while let Some((key, outcome)) = outcomes.next().await {
            match outcome? {
                Outcome::Created(_) | Outcome::Existing(_) => found.push(key.id()),
                // A tombstone's object goes with the record step itself.
                Outcome::Deleted | Outcome::Refused(_) | Outcome::Missing => {}
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let hidden = self.maintain.db.delete_files(self.user, &found).await?;
        self.report.count(Count::Erased, hidden.len());
        self.remove(&hidden).await
    }

    /// How many of `keys` have no row, for a dry run.
    async fn unrecorded(&self, keys: &[ObjectKey]) -> Result<usize, Error> {
        let mut unrecorded = 0;
        for key in keys {
            let state = self.maintain.db.file_state(self.user, key.id()).await?;
            unrecorded += usize::from(state == slipway_db::FileState::Unknown);
        }
        Ok(unrecorded)
    }

    async fn remove(&self, hidden: &[(FileId, ObjectKey)]) -> Result<(), Error> {
        if hidden.is_empty() {
            return Ok(());
        }
        let keys: Vec<ObjectKey> = hidden.iter().map(|(_, key)| key.clone()).collect();
        let bucket = self.maintain.recorder.bucket();
        let remaining = bucket.delete_reporting(&keys).await?;
        // What S3 keeps for now is a tombstone's object, which `deletes` removes.
        self.report.count(Count::Failed, remaining.len());
        let removed: Vec<FileId> = hidden
            .iter()
            .filter(|(_, key)| !remaining.contains(key.as_str()))
            .map(|(id, _)| *id)
            .collect();
        self.report.count(Count::Removed, removed.len());
        self.maintain.db.mark_removed(&removed).await?;
        Ok(())
    }
}
