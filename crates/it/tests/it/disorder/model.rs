//! What is promised, as a list of files in memory. No code of the product is in here.
//!
//! A file is what S3 has under its key and what the table says of it; everything else follows.

/// What this deployment accepts at most, in bytes.
pub(crate) const MAX: usize = 8;
/// What a user may have, where there is a quota.
pub(crate) const QUOTA: usize = 12;

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
    pub(crate) quota: bool,
}

impl Model {
    /// The live files of a user and their bytes: the sum that usage always is.
    pub(crate) fn usage(&self, user: usize) -> (usize, usize) {
        let live = self.files.iter().filter(|file| file.user == user);
        let sizes = live.filter_map(|file| file.live().map(|stored| stored.bytes.len()));
        sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size))
    }

    /// Status and code of presigning; 200 makes a file.
    pub(crate) fn presign(&mut self, user: usize, asked: Asked) -> (u16, &'static str) {
        let size = asked.bytes.len();
        if asked.size && size > MAX {
            return (413, TOO_LARGE);
        }
        if self.quota && !asked.size {
            return (400, "invalid_request");
        }
        // Who is over it, as after a rebuild, has nothing left; an empty file fits even then.
        if self.quota && size > QUOTA.saturating_sub(self.usage(user).1) {
            return (413, OVER_QUOTA);
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
        let (before, after) = (self.files[file].size(), object.bytes.len());
        let used = self.usage(self.files[file].user).1;
        if after > MAX {
            Some(TOO_LARGE)
        } else if self.quota && after > before && used - before + after > QUOTA {
            Some(OVER_QUOTA)
        } else {
            None
        }
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

    /// A day and a half pass, and a bit more.
    pub(crate) fn age(&mut self) {
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

    /// `maintain`'s second task: bucket and table agree, but for rows that only force drops.
    pub(crate) fn reconcile(&mut self, force: bool) {
        // What was accepted before the table was lost must not be refused now.
        let lenient = self.files.iter().all(|file| file.row == Row::None);
        for at in self.in_key_order(|file| file.object.is_some()) {
            let file = &mut self.files[at];
            match &mut file.row {
                Row::Tombstone { removed, .. } => {
                    file.object = None;
                    *removed = true;
                }
                Row::None if lenient => file.row = file.object.clone().map_or(Row::None, Row::Live),
                Row::None => drop(self.record(at)),
                Row::Live(_) => {}
            }
        }
        for at in self.in_key_order(|file| file.live().is_some() && file.object.is_some()) {
            self.record(at);
        }
        let mut missing = self.in_key_order(|file| file.live().is_some() && file.object.is_none());
        // A hundredth of so few rows is one.
        missing.truncate(if force { usize::MAX } else { 1 });
        for at in missing {
            self.files[at].row = Row::None;
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
