//! Limits, rules and quota, and the age of the objects that they apply to.

use slipway_core::limits::UPLOAD_ENDS_AFTER;
use slipway_core::rules::Rule;
use slipway_core::{FileRow, StoredObject, Tombstone};
use time::OffsetDateTime;

use crate::Recorder;

/// The objects that a recorder refuses if they are too large or over the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refuses {
    /// All objects, for client calls and events.
    All,
    /// Objects that an upload URL may have written recently, for maintenance.
    Young,
    /// No object, for files that will be deleted.
    Nothing,
}

/// The limit or rule that an object breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It has more than this many bytes: the smaller limit of the deployment and its rule.
    Size(u64),
    /// Its rule does not allow its type.
    Type,
}

impl Broken {
    /// The reason that a tombstone keeps.
    pub(crate) const fn reason(self) -> Tombstone {
        match self {
            Self::Size(_) => Tombstone::TooLarge,
            Self::Type => Tombstone::TypeNotAllowed,
        }
    }
}

/// An object in S3's list, and the size of its live row, if it has one.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// The object's length in bytes.
    pub size: u64,
    /// Its entity tag.
    pub etag: &'a str,
    /// S3's `Last-Modified`.
    pub last_modified: OffsetDateTime,
    /// The length in the live row.
    pub row_size: Option<u64>,
}

impl Recorder<'_> {
    /// The limit or rule that `object` breaks, if it may be refused for that.
    ///
    /// If its rule does not exist any more, only the limits of the deployment apply.
    pub(crate) fn broken(&self, object: &StoredObject) -> Option<Broken> {
        if !self.may_refuse(object.last_modified) {
            return None;
        }
        let rule = self.settings.rules.get(object.rule.as_ref());
        let max = self.settings.limits.max_stored(&object.etag);
        let max = rule
            .and_then(Rule::max_bytes)
            .map_or(max, |of_rule| of_rule.min(max));
        if object.size > max {
            return Some(Broken::Size(max));
        }
        let is_refused = |rule: &Rule| rule.check_type(&object.content_type).is_err();
        rule.is_some_and(is_refused).then_some(Broken::Type)
    }

    /// The quota that an object of this age must fit into.
    #[must_use]
    pub fn quota_for(&self, last_modified: OffsetDateTime) -> Option<u64> {
        self.settings
            .quota_bytes
            .filter(|_| self.may_refuse(last_modified))
    }

    fn may_refuse(&self, last_modified: OffsetDateTime) -> bool {
        match self.refuses {
            Refuses::All => true,
            Refuses::Young => last_modified + UPLOAD_ENDS_AFTER > OffsetDateTime::now_utc(),
            Refuses::Nothing => false,
        }
    }

    /// Returns whether the record step would refuse a listed object for its size, with its live row
    /// `seen` if it has one. `None` if only the type and the rule, which a HEAD reports, can
    /// decide.
    #[must_use]
    pub fn refuses_listed(&self, listed: &Listing<'_>) -> Option<bool> {
        if !self.may_refuse(listed.last_modified) {
            return Some(false);
        }
        let is_over = listed.size > self.settings.limits.max_stored(listed.etag);
        if !is_over && self.settings.rules.is_empty() {
            return Some(false);
        }
        let grows = listed.row_size.is_none_or(|size| listed.size > size);
        (is_over && grows).then_some(true)
    }

    /// The reason for which the record step would refuse `object`, with its live row `seen` if it
    /// has one.
    #[must_use]
    pub fn refuses(&self, object: &StoredObject, seen: Option<&FileRow>) -> Option<Tombstone> {
        let broken = self.broken(object)?;
        let is_new = seen.is_none_or(|row| object.exceeds(row));
        is_new.then(|| broken.reason())
    }
}
