//! Erases all files of one user, for example because the law or a contract requires it.
//!
//! Each file is deleted as if by its user. The tombstone remains until upload URLs have expired.
//! Then `deletes` drops the tombstone. A second erasure after that drops the user's usage.

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Code, Error, FileId, ObjectKey, UserId};
use slipway_db::{Filter, Hidden, Page};
use slipway_record::{Outcome, Recorder};

use crate::report::Count;
use crate::run::reason;
use crate::{Deadline, Maintain, Report, Summary};

/// The maximum number of keys in one `DeleteObjects` and in one page of a list.
const PAGE: u16 = 1000;

/// The number of unrecorded objects that are recorded concurrently.
const AT_ONCE: usize = 8;

/// The erasure of one user.
struct Erase<'a> {
    maintain: &'a Maintain,
    user: &'a UserId,
    apply: bool,
    report: &'a Report,
}

impl Maintain {
    /// Deletes every file of `user`, recorded or not. Without `apply` it only counts them.
    ///
    /// It stops at `deadline` and may be repeated. Files uploaded during the run may remain: revoke
    /// the user's tokens first.
    pub async fn erase(
        &self,
        user: &UserId,
        apply: bool,
        deadline: Deadline<'_>,
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
                (false, Some(error))
            }
        };
        let failed = report.get(Count::Failed);
        Summary {
            finished: finished && failed == 0,
            code: stopped.as_ref().map(Error::code),
            stopped: stopped.as_ref().map(reason),
            needs_force: false,
            failed,
            applied: apply,
        }
    }
}

impl Erase<'_> {
    async fn run(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let known = self.maintain.db.knows_user(self.user).await?;
        // Uploads first, so that none of them is completed after the files were listed.
        if !self.uploads(deadline).await?
            || !self.files(deadline).await?
            || !self.objects(deadline).await?
        {
            return Ok(false);
        }
        let found = [Count::Erased, Count::Aborted, Count::Removed, Count::Failed];
        if !known && found.iter().all(|count| self.report.get(*count) == 0) {
            return Err(self.nothing());
        }
        if self.apply {
            self.maintain.db.forget_events(self.user).await?;
            self.maintain.db.forget_user(self.user).await?;
        }
        Ok(true)
    }

    /// The error for a user without rows, objects or usage. A misspelled `sub` must not look like a
    /// completed erasure.
    fn nothing(&self) -> Error {
        let sub = self.user.as_str();
        let mut text = format!(
            "There is no file, object, tombstone, open upload or usage of the user {sub:?}. After a completed erasure \
             this is the end of it; otherwise compare the spelling with `sub` in a token of the user."
        );
        // The id and the name are placeholders: only the owner's segment is compared.
        let key = ObjectKey::parse(&format!("{sub}/01890a5d-ac96-774b-bcce-b302099a8057/a"));
        if let Ok(key) = key
            && key.owner() != self.user
        {
            let meant = key.owner().as_str();
            text = format!("{text} {sub:?} is how object keys spell {meant:?}.");
        }
        Error::new(Code::NotFound, text)
    }

    /// Aborts incomplete multipart uploads and drops their rows. Returns `false` at the deadline.
    async fn uploads(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let bucket = &self.maintain.stores.bucket;
        let prefix = ObjectKey::prefix_of(self.user);
        let mut after = None;
        while !deadline.has_passed() {
            let page = bucket.open_uploads(&prefix, after.as_ref(), PAGE).await?;
            for upload in &page.uploads {
                let Ok(key) = ObjectKey::parse(&upload.key) else {
                    continue;
                };
                let aborted = !self.apply || bucket.abort_upload(&key, &upload.upload_id).await?;
                let aborted = aborted.then_some(key.as_str());
                self.report.count_keys(Count::Aborted, aborted.into_iter());
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

    /// Deletes the files that have a row. Returns `false` at the deadline.
    async fn files(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let mut before = None;
        while !deadline.has_passed() {
            let page = Page {
                limit: PAGE.into(),
                before,
                filter: Filter::default(),
            };
            let files = self.maintain.db.list_files(self.user, &page).await?.files;
            let Some(last) = files.last() else {
                return Ok(true);
            };
            before = Some(last.id);
            self.report.count_keys(
                Count::Erased,
                files.iter().map(|file| file.object_key.as_str()),
            );
            if self.apply {
                let ids: Vec<FileId> = files.iter().map(|file| file.id).collect();
                let hidden = self.maintain.db.delete_files(self.user, &ids).await?;
                self.remove(&hidden).await?;
            }
        }
        Ok(false)
    }

    /// Records each object without a row and then deletes it, so that a tombstone remains.
    async fn objects(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let recorder = self.maintain.silent_recorder().lenient();
        let prefix = ObjectKey::prefix_of(self.user);
        let mut after = prefix.clone();
        while !deadline.has_passed() {
            let page = self.maintain.stores.bucket.list_after(&after, PAGE).await?;
            let listed = page.objects.iter().map(|object| object.key.as_str());
            let theirs: Vec<&str> = listed.take_while(|key| key.starts_with(&prefix)).collect();
            let is_last = !page.more || theirs.len() < page.objects.len();
            let mut keys = Vec::new();
            let mut previews = Vec::new();
            for text in &theirs {
                match ObjectKey::parse(text) {
                    Ok(key) => keys.push(key),
                    Err(_) if ObjectKey::parse_preview(text).is_some() => previews.push(*text),
                    Err(_) => self
                        .report
                        .count_keys(Count::Foreign, std::iter::once(*text)),
                }
            }
            if self.apply {
                self.take(recorder, &keys).await?;
                self.remove_previews(&previews).await?;
            } else {
                let unrecorded = self.unrecorded(&keys).await?;
                self.report
                    .count_keys(Count::Erased, unrecorded.into_iter().map(ObjectKey::as_str));
            }
            match theirs.last() {
                Some(last) if !is_last => (*last).clone_into(&mut after),
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn take(&self, recorder: Recorder<'_>, keys: &[ObjectKey]) -> Result<(), Error> {
        let mut outcomes = stream::iter(keys)
            .map(|key| async move { (key, recorder.record(key).await) })
            .buffer_unordered(AT_ONCE);
        let mut found = Vec::new();
        while let Some((key, outcome)) = outcomes.next().await {
            match outcome? {
                Outcome::Created(_) | Outcome::Existing(_) => found.push(key.id()),
                // The record step itself removes the object of a tombstone.
                Outcome::Deleted | Outcome::Refused(_) | Outcome::Missing => {}
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let hidden = self.maintain.db.delete_files(self.user, &found).await?;
        self.report
            .count_keys(Count::Erased, hidden.iter().map(|file| file.key.as_str()));
        self.remove(&hidden).await
    }

    /// Removes previews whose file is gone already. All files of the owner are.
    async fn remove_previews(&self, previews: &[&str]) -> Result<(), Error> {
        let keys = previews
            .iter()
            .filter_map(|key| ObjectKey::parse_preview(key));
        let keys: Vec<ObjectKey> = keys.collect();
        let bucket = &self.maintain.stores.bucket;
        let remaining = bucket.delete_reporting(&keys).await?;
        if let Some(error) = remaining.denied() {
            return Err(error);
        }
        let left = keys.iter().filter(|key| remaining.contains(key));
        self.report
            .count_keys(Count::Failed, left.map(ObjectKey::as_str));
        Ok(())
    }

    /// The `keys` without a row, for a dry run.
    async fn unrecorded<'k>(&self, keys: &'k [ObjectKey]) -> Result<Vec<&'k ObjectKey>, Error> {
        let mut unrecorded = Vec::new();
        for key in keys {
            let state = self.maintain.db.file_state(self.user, key.id()).await?;
            if state == slipway_db::FileState::Unknown {
                unrecorded.push(key);
            }
        }
        Ok(unrecorded)
    }

    async fn remove(&self, hidden: &[Hidden]) -> Result<(), Error> {
        if hidden.is_empty() {
            return Ok(());
        }
        let files = hidden.iter().map(|file| (&file.key, file.has_preview));
        let remaining = self.maintain.stores.bucket.delete_files(files).await?;
        let (left, removed): (Vec<_>, Vec<_>) = hidden
            .iter()
            .partition(|file| remaining.contains(&file.key));
        let ids: Vec<FileId> = removed.iter().map(|file| file.id).collect();
        self.report
            .count_keys(Count::Removed, removed.iter().map(|file| file.key.as_str()));
        self.maintain.db.mark_removed(&ids).await?;
        if let Some(error) = remaining.denied() {
            return Err(error);
        }
        // The remaining objects have tombstones, so `deletes` removes them later.
        self.report
            .count_keys(Count::Failed, left.iter().map(|file| file.key.as_str()));
        Ok(())
    }
}
