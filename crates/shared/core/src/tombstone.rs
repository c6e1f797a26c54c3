//! Why the row of a file is a tombstone.

use crate::Code;

/// The reason of a tombstone. The first one counts: a tombstone is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tombstone {
    /// The owner deleted the file.
    Deleted,
    /// The object is larger than this deployment accepts.
    TooLarge,
    /// The object does not fit into the quota of its owner.
    OverQuota,
    /// Its rule does not accept the content type of the object.
    TypeNotAllowed,
    /// The object does not have the checksum that the client sent at completion.
    ChecksumMismatch,
}

impl Tombstone {
    /// Every reason, for tests.
    pub const ALL: [Self; 5] = [
        Self::Deleted,
        Self::TooLarge,
        Self::OverQuota,
        Self::TypeNotAllowed,
        Self::ChecksumMismatch,
    ];

    /// The code of the error that a client receives for the file.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Deleted => Code::FileDeleted,
            Self::TooLarge => Code::FileTooLarge,
            Self::OverQuota => Code::QuotaExceeded,
            Self::TypeNotAllowed => Code::TypeNotAllowed,
            Self::ChecksumMismatch => Code::ChecksumMismatch,
        }
    }

    /// The value of the column `refused`, which is null if the owner deleted the file.
    #[must_use]
    pub const fn stored(self) -> Option<&'static str> {
        match self {
            Self::Deleted => None,
            Self::TooLarge | Self::OverQuota | Self::TypeNotAllowed | Self::ChecksumMismatch => {
                Some(self.code().as_str())
            }
        }
    }

    /// The reason that the column `refused` of a tombstone has. An unknown value, which a later
    /// version may have written, reads as a delete.
    #[must_use]
    pub fn from_stored(refused: Option<&str>) -> Self {
        let mut known = Self::ALL.into_iter();
        known
            .find(|reason| reason.stored() == refused)
            .unwrap_or(Self::Deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_as_it_was_stored() {
        for reason in Tombstone::ALL {
            assert_eq!(Tombstone::from_stored(reason.stored()), reason);
        }
        let stored = Tombstone::ALL.map(Tombstone::stored);
        let expected = [
            None,
            Some("file_too_large"),
            Some("quota_exceeded"),
            Some("type_not_allowed"),
            Some("checksum_mismatch"),
        ];
        assert_eq!(stored, expected);
        assert_eq!(Tombstone::from_stored(Some("later")), Tombstone::Deleted);
    }
}
