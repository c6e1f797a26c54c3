//! What may be refused, and of which age.

use slipway_core::limits::UPLOAD_ENDS_AFTER;
use slipway_core::{FileRow, StoredObject};
use time::OffsetDateTime;

use crate::Recorder;

/// Which objects a recorder refuses if they are too large or over the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refuses {
    /// Every one, as clients' calls and events do.
    All,
    /// Those that an upload URL may have written lately, as maintenance does.
    Young,
    /// None, as for files that are to be deleted.
    Nothing,
}

/// What S3's list says of an object, and how large its live row is, if it has one.
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
    /// The size limit that `object` is over, if it is and may be refused for that.
    pub(crate) fn limit_passed(&self, object: &StoredObject) -> Option<u64> {
        self.limit_passed_by(object.size, &object.etag, object.last_modified)
    }

    fn limit_passed_by(&self, size: u64, etag: &str, last_modified: OffsetDateTime) -> Option<u64> {
        let max = self.settings.limits.max_stored(etag);
        (size > max && self.may_refuse(last_modified)).then_some(max)
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

    /// Whether the record step would refuse a listed object for its size, with its live row `seen`
    /// if it has one. `None` where only the type that a HEAD says can tell.
    #[must_use]
    pub fn refuses_listed(&self, listed: &Listing<'_>) -> Option<bool> {
        let over = self.limit_passed_by(listed.size, listed.etag, listed.last_modified);
        if over.is_none() {
            return Some(false);
        }
        match listed.row_size {
            Some(size) if listed.size <= size => None,
            _ => Some(true),
        }
    }

    /// The same with what a HEAD said.
    #[must_use]
    pub fn refuses(&self, object: &StoredObject, seen: Option<&FileRow>) -> bool {
        self.limit_passed(object).is_some() && seen.is_none_or(|row| object.exceeds(row))
    }
}
