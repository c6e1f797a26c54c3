//! The rules as a model in memory. It uses no code of the product.
//!
//! A file is the object under its key and its row. Everything else follows from these two.

use super::content::{Content, Described, RequestedUpload};
use super::events::Event;
use super::limits::{LIMITS, Limits, Small};

/// More than a day and a half in seconds: every upload URL has expired.
pub(crate) const AGE: i64 = 37 * 60 * 60;

/// The object in S3: its bytes, the second of its Last-Modified, and what a rename changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: Content,
    pub(crate) second: i64,
    pub(crate) described: Described,
}

impl Stored {
    /// Whether a list of the bucket shows both as the same. It shows neither name nor fields: if an
    /// upload URL restores the old name within the second of a rename, with the same bytes, and its
    /// event is lost, a sweep does not find it.
    pub(super) fn is_listed_as(&self, other: &Self) -> bool {
        (&self.bytes, self.second) == (&other.bytes, other.second)
    }
}

/// The reason for a tombstone: the code that the owner gets.
pub(crate) type Why = &'static str;
pub(crate) const DELETED: Why = "file_deleted";
pub(crate) const TOO_LARGE: Why = "file_too_large";
pub(crate) const OVER_QUOTA: Why = "quota_exceeded";
const TYPE: Why = "type_not_allowed";

/// The rule that narrows.
const SMALL: &str = "small";

/// The row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    None,
    Live(Stored),
    Tombstone {
        why: Why,
        /// Whether it is older than any upload URL.
        old: bool,
        /// Whether `maintain` has removed the object since.
        removed: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) user: usize,
    pub(crate) asked: RequestedUpload,
    /// The rule that it was presigned under.
    pub(crate) rule: Option<&'static str>,
    /// Whether its upload URL is still valid.
    pub(crate) url: bool,
    /// The object in S3.
    pub(crate) object: Option<Stored>,
    /// Whether a scanner has found this version clean.
    pub(crate) clean: bool,
    /// The result of the scanner that the row has for its bytes: whether they are clean.
    pub(crate) scan: Option<bool>,
    pub(crate) row: Row,
}

/// The outcome of recording.
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
    /// Seconds of S3's clock.
    pub(crate) second: i64,
    /// An object that was uploaded at this second or later may still be overwritten through a URL,
    /// by the true time. S3's clock in these histories is behind by the time that will still pass
    /// in them.
    pub(crate) young: i64,
    /// The events of all changes.
    pub(crate) events: Vec<Event>,
    /// The current entry of [`LIMITS`].
    pub(crate) limits: usize,
    /// Whether objects are recorded together, which a quota then compares as one.
    pub(super) together: bool,
    /// Rows that `maintain` dropped and objects that it refused in the last 24 hours, except forced
    /// ones.
    pub(crate) removed: usize,
}

impl Model {
    /// The number and the bytes of a user's live files. The usage must always equal it.
    pub(crate) fn usage(&self, user: usize) -> (usize, usize) {
        let live = self.files.iter().filter(|file| file.user == user);
        let sizes = live.filter_map(|file| file.live().map(|stored| stored.bytes.len()));
        sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size))
    }

    fn limits(&self) -> Limits {
        LIMITS[self.limits]
    }

    /// Status and code of presigning. A 200 adds a file.
    pub(crate) fn presign(&mut self, user: usize, asked: RequestedUpload) -> (u16, &'static str) {
        let (size, limits) = (asked.bytes.len(), self.limits());
        let small = limits.small.filter(|_| asked.small);
        if asked.small && small.is_none() {
            return (400, "invalid_request");
        }
        if !limits.pictures || small.is_some_and(|small| !small.pictures) {
            return (415, TYPE);
        }
        if asked.size && small.is_some_and(|small| size > small.max) {
            return (413, TOO_LARGE);
        }
        if asked.size && size > limits.max {
            return (413, TOO_LARGE);
        }
        if let Some(quota) = limits.quota {
            if !asked.size {
                return (400, "invalid_request");
            }
            // A user over quota, as after a rebuild, has 0 bytes left. An empty file still fits.
            if size > quota.saturating_sub(self.usage(user).1) {
                return (413, OVER_QUOTA);
            }
        }
        let rule = if small.is_some() { SMALL } else { "default" };
        self.files.push(File {
            user,
            rule: limits.small.map(|_| rule),
            asked,
            url: true,
            object: None,
            clean: false,
            scan: None,
            row: Row::None,
        });
        (200, "")
    }

    /// The statuses that S3 may respond with to a PUT: one for each problem, or 200.
    pub(crate) fn put(&mut self, file: usize, bytes: Content) -> Vec<u16> {
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
            file.object = Some(Stored {
                bytes,
                second,
                described: Described {
                    name: 0,
                    metadata: file.asked.metadata,
                },
            });
            file.clean = false;
            wrong.push(200);
        }
        wrong
    }

    /// The bytes that a read URL returns: the current ones, or none if the policy requires a scan
    /// and they are not found clean. S3 answers 403 for a missing object too, because `files`,
    /// which signs the URL, may not list the bucket.
    pub(crate) fn read(&self, file: usize, gated: bool) -> Result<Content, u16> {
        let file = &self.files[file];
        let object = file.object.as_ref().filter(|_| !gated || file.clean);
        object.map(|stored| stored.bytes).ok_or(403)
    }

    /// Records the object of a file, as every caller of the record step does.
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
        if let Some(row) = row {
            self.change(file, row);
        }
        if matches!(outcome, Outcome::Gone(_)) {
            self.files[file].object = None;
        }
        outcome
    }

    fn refusal(&self, file: usize, object: &Stored) -> Option<Why> {
        let over = || self.is_over_quota(file, object).then_some(OVER_QUOTA);
        self.broken(file, object).or_else(over)
    }

    /// What is not larger than a live file of before stays accepted, whatever limits and rules are
    /// now. A rule that does not exist any more leaves the limits.
    pub(super) fn broken(&self, file: usize, object: &Stored) -> Option<Why> {
        let (file, after, limits) = (&self.files[file], object.bytes.len(), self.limits());
        if file.live().is_some_and(|live| after <= live.bytes.len()) {
            return None;
        }
        let small = limits.small.filter(|_| file.rule == Some(SMALL));
        let Small { max, pictures } = small.unwrap_or(Small {
            max: limits.max,
            pictures: true,
        });
        if after > max.min(limits.max) {
            Some(TOO_LARGE)
        } else {
            (!pictures).then_some(TYPE)
        }
    }

    pub(super) fn is_over_quota(&self, file: usize, object: &Stored) -> bool {
        let (before, after) = (self.files[file].size(), object.bytes.len());
        let used = self.usage(self.files[file].user).1;
        let quota = self.limits().quota.filter(|_| !self.together);
        after > before && quota.is_some_and(|quota| used - before + after > quota)
    }

    /// Status and code of `save-metadata`.
    pub(crate) fn save(&mut self, by: usize, file: usize) -> (u16, &'static str) {
        if self.files[file].user != by {
            return (403, "forbidden");
        }
        let outcome = self.record(file);
        self.answered(file, outcome)
    }

    fn answered(&self, file: usize, outcome: Outcome) -> (u16, &'static str) {
        match &self.files[file].row {
            Row::Tombstone { why: DELETED, .. } => (410, DELETED),
            Row::Tombstone { why: TYPE, .. } => (415, TYPE),
            Row::Tombstone { why, .. } => (413, why),
            _ => match outcome {
                Outcome::Created => (201, ""),
                Outcome::Existing => (200, ""),
                _ => (409, "upload_not_found"),
            },
        }
    }

    /// Status and code of a rename, where `None` keeps what the object has.
    pub(crate) fn rename(
        &mut self,
        by: usize,
        file: usize,
        name: Option<usize>,
        metadata: Option<bool>,
    ) -> (u16, &'static str) {
        const CHANGED: (u16, &str) = (409, "file_changed");
        let (second, one) = (self.second, &mut self.files[file]);
        let row = one.live().filter(|_| one.user == by).cloned();
        let (Some(row), Some(object)) = (row, &mut one.object) else {
            return (404, "not_found");
        };
        let wanted = Described {
            name: name.unwrap_or(object.described.name),
            metadata: metadata.unwrap_or(object.described.metadata),
        };
        let is_replaced = object.described != wanted && object.bytes != row.bytes;
        if object.described != wanted && !is_replaced {
            object.described = wanted;
            object.second = second;
        }
        // What replaced the file is recorded too, and may be refused.
        match self.record(file) {
            Outcome::Existing if !is_replaced => (200, ""),
            _ => CHANGED,
        }
    }

    /// The codes of `save-metadata` with several keys, each given once. Where a quota has no room
    /// for all together, those that come first get it.
    pub(crate) fn save_many(&mut self, by: usize, files: &[usize]) -> Vec<&'static str> {
        let own = |file: &&usize| self.files[**file].user == by;
        let own: Vec<usize> = files.iter().filter(own).copied().collect();
        let used = self.usage(by).1;
        let mut all = self.clone();
        all.together = true;
        let mut outcomes: Vec<Outcome> = own.iter().map(|file| all.record(*file)).collect();
        let fits = |quota: usize| all.usage(by).1 <= quota.max(used);
        if self.limits().quota.is_none_or(fits) {
            all.together = false;
            *self = all;
        } else {
            outcomes = own.iter().map(|file| self.record(*file)).collect();
        }
        let code = |file: &usize| match own.iter().position(|own| own == file) {
            Some(at) => self.answered(*file, outcomes[at]).1,
            None => "forbidden",
        };
        files.iter().map(code).collect()
    }

    /// What `record-upload` counts for an event about a file, whatever the event's type.
    pub(crate) fn event(&mut self, file: usize) -> &'static str {
        match self.record(file) {
            Outcome::Created => "recorded",
            Outcome::Existing => "unchanged",
            Outcome::Gone(DELETED) => "deleted",
            Outcome::Gone(_) => "refused",
            Outcome::Missing if self.files[file].live().is_some() => {
                self.change(file, Row::None);
                "forgotten"
            }
            Outcome::Missing => "missing",
        }
    }

    /// Whether deleting finds the file.
    pub(crate) fn delete(&mut self, by: usize, file: usize) -> bool {
        let found = self.files[file].user == by && self.files[file].live().is_some();
        if found {
            self.change(file, tombstone(DELETED));
            self.files[file].object = None;
        }
        found
    }
}

impl File {
    /// What every user who may see the file sees of it.
    pub(crate) fn live(&self) -> Option<&Stored> {
        match &self.row {
            Row::Live(stored) => Some(stored),
            _ => None,
        }
    }

    pub(super) fn size(&self) -> usize {
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
