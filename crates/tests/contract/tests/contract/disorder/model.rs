//! What is promised, as a list of files in memory. No code of the product is in here.
//!
//! A file is what S3 has under its key and what the table says of it; everything else follows.

use super::limits::{LIMITS, Limits};

/// A day and a half, and a bit more, in seconds: no upload URL lives that long.
pub(crate) const AGE: i64 = 37 * 60 * 60;

/// Bytes in S3, and the second of their Last-Modified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    pub(crate) second: i64,
}

/// What a user asks to upload.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) bytes: Vec<u8>,
    /// Whether its length is told, and so signed.
    pub(crate) size: bool,
    /// Whether its checksum is.
    pub(crate) checksum: bool,
    /// Whether nothing may be overwritten.
    pub(crate) once: bool,
}

/// Why there is a tombstone: the code that the owner is answered.
pub(crate) type Why = &'static str;
pub(crate) const DELETED: Why = "file_deleted";
pub(crate) const TOO_LARGE: Why = "file_too_large";
pub(crate) const OVER_QUOTA: Why = "quota_exceeded";
const TYPE: Why = "type_not_allowed";

/// What the table says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    None,
    Live(Stored),
    Tombstone {
        why: Why,
        /// Older than any upload URL can live.
        old: bool,
        /// Whether maintain has removed the object since.
        removed: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) user: usize,
    pub(crate) asked: Asked,
    /// Whether its upload URL still holds.
    pub(crate) url: bool,
    /// What S3 has.
    pub(crate) object: Option<Stored>,
    /// Whether a scanner has found nothing in just that.
    pub(crate) clean: bool,
    pub(crate) row: Row,
}

/// What recording comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Existing,
    Missing,
    Gone(Why),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) files: Vec<File>,
    /// Seconds on S3's clock.
    pub(crate) second: i64,
    /// What was uploaded from this second on may still be written through a URL, by the true time. S3's clock of these
    /// histories is late by all the time that is still to pass in them.
    pub(crate) young: i64,
    /// Which of [`LIMITS`] hold.
    pub(crate) limits: usize,
    /// Rows that `maintain` dropped, and objects that it refused, in the last 24 hours, forced ones excepted.
    pub(crate) removed: usize,
}

impl Model {
    /// The live files of a user and their bytes: the sum that usage always is.
    pub(crate) fn usage(&self, user: usize) -> (usize, usize) {
        let live = self.files.iter().filter(|file| file.user == user);
        let sizes = live.filter_map(|file| file.live().map(|stored| stored.bytes.len()));
        sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size))
    }

    fn limits(&self) -> Limits {
        LIMITS[self.limits]
    }

    /// Status and code of presigning; 200 makes a file.
    pub(crate) fn presign(&mut self, user: usize, asked: Asked) -> (u16, &'static str) {
        let (size, limits) = (asked.bytes.len(), self.limits());
        if !limits.text {
            return (415, TYPE);
        }
        if asked.size && size > limits.max {
            return (413, TOO_LARGE);
        }
        if let Some(quota) = limits.quota {
            if !asked.size {
                return (400, "invalid_request");
            }
            // Who is over it, as after a rebuild, has nothing left; an empty file fits even then.
            if size > quota.saturating_sub(self.usage(user).1) {
                return (413, OVER_QUOTA);
            }
        }
        self.files.push(File {
            user,
            asked,
            url: true,
            object: None,
            clean: false,
            row: Row::None,
        });
        (200, "")
    }

    /// The statuses that S3 may answer to a PUT: what is wrong with it, or 200 if nothing is.
    pub(crate) fn put(&mut self, file: usize, bytes: &[u8]) -> Vec<u16> {
        let (second, file) = (self.second, &mut self.files[file]);
        if file.asked.size && bytes.len() != file.asked.bytes.len() {
            return vec![403];
        }
        let mut wrong = Vec::new();
        if file.asked.checksum && bytes != file.asked.bytes {
            wrong.push(400);
        }
        if file.asked.once && file.object.is_some() {
            wrong.push(412);
        }
        if wrong.is_empty() {
            let bytes = bytes.to_vec();
            file.object = Some(Stored { bytes, second });
            file.clean = false;
            wrong.push(200);
        }
        wrong
    }

    /// What a read URL gives: the bytes that are there now. Behind the gate, only if just those were found clean.
    pub(crate) fn read(&self, file: usize, gated: bool) -> Result<&[u8], u16> {
        let file = &self.files[file];
        let refused = if gated { 403 } else { 404 };
        let object = file.object.as_ref().filter(|_| !gated || file.clean);
        object.map(|stored| &*stored.bytes).ok_or(refused)
    }

    /// Makes the table say what S3 has, whoever asked for it.
    pub(crate) fn record(&mut self, file: usize) -> Outcome {
        let Some(object) = self.files[file].object.clone() else {
            return Outcome::Missing;
        };
        let (outcome, row) = match &self.files[file].row {
            Row::Tombstone { why, .. } => (Outcome::Gone(why), None),
            // It was accepted.
            Row::Live(stored) if *stored == object => (Outcome::Existing, None),
            row => match self.refusal(file, &object) {
                Some(why) => (Outcome::Gone(why), Some(tombstone(why))),
                None if *row == Row::None => (Outcome::Created, Some(Row::Live(object))),
                None => (Outcome::Existing, Some(Row::Live(object))),
            },
        };
        let file = &mut self.files[file];
        if let Some(row) = row {
            file.row = row;
        }
        if matches!(outcome, Outcome::Gone(_)) {
            file.object = None;
        }
        outcome
    }

    fn refusal(&self, file: usize, object: &Stored) -> Option<Why> {
        if self.is_too_large(file, object) {
            Some(TOO_LARGE)
        } else if self.is_over_quota(file, object) {
            Some(OVER_QUOTA)
        } else {
            None
        }
    }

    /// What is not larger than a live file of before stays accepted, whatever the limit is now.
    fn is_too_large(&self, file: usize, object: &Stored) -> bool {
        let (live, after) = (self.files[file].live(), object.bytes.len());
        after > self.limits().max && live.is_none_or(|live| after > live.bytes.len())
    }

    fn is_over_quota(&self, file: usize, object: &Stored) -> bool {
        let (before, after) = (self.files[file].size(), object.bytes.len());
        let used = self.usage(self.files[file].user).1;
        let quota = self.limits().quota;
        after > before && quota.is_some_and(|quota| used - before + after > quota)
    }

    /// Status and code of `save-metadata`.
    pub(crate) fn save(&mut self, by: usize, file: usize) -> (u16, &'static str) {
        if self.files[file].user != by {
            return (403, "forbidden");
        }
        let outcome = self.record(file);
        match &self.files[file].row {
            Row::Tombstone { why: DELETED, .. } => (410, DELETED),
            Row::Tombstone { why, .. } => (413, why),
            _ => match outcome {
                Outcome::Created => (201, ""),
                Outcome::Existing => (200, ""),
                _ => (409, "upload_not_found"),
            },
        }
    }

    /// What `record-upload` counts for an event about a file, whatever the event says.
    pub(crate) fn event(&mut self, file: usize) -> &'static str {
        match self.record(file) {
            Outcome::Created => "recorded",
            Outcome::Existing => "unchanged",
            Outcome::Gone(DELETED) => "deleted",
            Outcome::Gone(_) => "refused",
            Outcome::Missing if self.files[file].live().is_some() => {
                self.files[file].row = Row::None;
                "forgotten"
            }
            Outcome::Missing => "missing",
        }
    }

    /// Whether deleting finds the file.
    pub(crate) fn delete(&mut self, by: usize, file: usize) -> bool {
        let file = &mut self.files[file];
        let found = file.user == by && file.live().is_some();
        if found {
            file.row = tombstone(DELETED);
            file.object = None;
        }
        found
    }

    /// The bucket is restored by copy: its objects say that they were written now.
    pub(crate) fn restore(&mut self) {
        for object in self
            .files
            .iter_mut()
            .filter_map(|file| file.object.as_mut())
        {
            object.second = self.second;
        }
    }

    /// The database is lost, and migrated: there is no row, not even a tombstone.
    pub(crate) fn lose_database(&mut self) {
        for file in &mut self.files {
            file.row = Row::None;
        }
        self.removed = 0;
    }

    /// A day and a half pass, and a bit more.
    pub(crate) fn age(&mut self) {
        self.second += AGE;
        self.removed = 0;
        for file in &mut self.files {
            file.url = false;
            if let Row::Tombstone { old, .. } = &mut file.row {
                *old = true;
            }
        }
    }

    /// `maintain`'s first task: removes what tombstones stand for, and drops old tombstones of nothing.
    pub(crate) fn finish_deletes(&mut self) {
        for file in &mut self.files {
            let Row::Tombstone { old, removed, .. } = &mut file.row else {
                continue;
            };
            if !*removed {
                file.object = None;
                *removed = true;
            }
            // What is there again goes now, and its tombstone the next time.
            if *old && file.object.take().is_none() {
                file.row = Row::None;
            }
        }
    }

    /// `maintain`'s second task: bucket and table agree, but for what only force destroys.
    pub(crate) fn reconcile(&mut self, force: bool) {
        for file in &mut self.files {
            if let Row::Tombstone { removed, .. } = &mut file.row
                && file.object.take().is_some()
            {
                *removed = true;
            }
        }
        let unrecorded = |file: &File| file.object.is_some() && file.row == Row::None;
        let differing = |file: &File| {
            file.live()
                .is_some_and(|row| file.object.as_ref().is_some_and(|object| object != row))
        };
        let (mut large, mut over) = (Vec::new(), Vec::new());
        for kind in [self.in_key_order(unrecorded), self.in_key_order(differing)] {
            let mut growing = Vec::new();
            for at in kind {
                let object = self.files[at].object.clone().unwrap();
                // What was accepted once must not be refused now.
                let young = object.second >= self.young;
                if young && self.is_too_large(at, &object) {
                    large.push(at);
                } else if young && object.bytes.len() > self.files[at].size() {
                    growing.push(at);
                } else {
                    self.files[at].row = Row::Live(object);
                }
            }
            for at in growing {
                let object = self.files[at].object.clone().unwrap();
                if self.is_over_quota(at, &object) {
                    over.push(at);
                } else {
                    self.files[at].row = Row::Live(object);
                }
            }
        }
        // A hundredth of so few rows is one, in 24 hours.
        let allowed = if force {
            usize::MAX
        } else {
            1_usize.saturating_sub(self.removed)
        };
        let mut refusable = large;
        refusable.extend(over);
        refusable.truncate(allowed);
        let mut removed = 0;
        for at in refusable {
            removed += usize::from(matches!(self.record(at), Outcome::Gone(_)));
        }
        let mut missing = self.in_key_order(|file| file.live().is_some() && file.object.is_none());
        missing.truncate(allowed - removed);
        removed += missing.len();
        for at in missing {
            self.files[at].row = Row::None;
        }
        if !force {
            self.removed += removed;
        }
    }

    fn in_key_order(&self, wanted: impl Fn(&File) -> bool) -> Vec<usize> {
        let all = 0..self.files.len();
        let mut found: Vec<usize> = all.filter(|at| wanted(&self.files[*at])).collect();
        found.sort_by_key(|at| (self.files[*at].user, *at));
        found
    }
}

impl File {
    /// What everybody who may see the file sees of it.
    pub(crate) fn live(&self) -> Option<&Stored> {
        match &self.row {
            Row::Live(stored) => Some(stored),
            _ => None,
        }
    }

    fn size(&self) -> usize {
        self.live().map_or(0, |stored| stored.bytes.len())
    }
}

fn tombstone(why: Why) -> Row {
    Row::Tombstone {
        why,
        old: false,
        removed: false,
    }
}
