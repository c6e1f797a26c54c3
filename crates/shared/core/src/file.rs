//! What S3 says of an object, and what the table keeps of a file.

use time::OffsetDateTime;

use crate::checksum::{Crc64Nvme, Sha256};
use crate::id::FileId;
use crate::key::ObjectKey;
use crate::metadata::Metadata;
use crate::rules::RuleName;
use crate::scan::ScanStatus;

/// An object as S3 describes it, never as a client or an event does. The one input of the record step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key, which holds the owner and the file's id.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// Its `Content-Type`, as stored.
    pub content_type: String,
    /// What its first bytes say it is, where they were looked at and recognised.
    pub detected_type: Option<String>,
    /// The name it was uploaded under: from its metadata, else from its key.
    pub file_name: String,
    /// The rule it was uploaded under.
    pub rule: Option<RuleName>,
    /// The application's fields.
    pub metadata: Metadata,
    /// Its SHA-256, where S3 has one of the whole object.
    pub checksum_sha256: Option<Sha256>,
    /// Its CRC-64/NVME, where S3 has one.
    pub checksum_crc64nvme: Option<Crc64Nvme>,
    /// S3's `Last-Modified`, in whole seconds.
    pub last_modified: OffsetDateTime,
}

impl StoredObject {
    /// Whether it came as a multipart upload.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        is_multipart(&self.etag)
    }

    /// Whether `row` says of this object what S3 says. The record statement compares the same columns, so a column
    /// that is added here is added there.
    #[must_use]
    pub fn is_described_by(&self, row: &FileRow) -> bool {
        self.etag == row.etag
            && self.last_modified == row.uploaded_at
            && self.size == row.size
            && self.content_type == row.content_type
            && self.file_name == row.file_name
            && self.rule == row.rule
            && self.metadata == row.metadata
    }

    /// Whether the record step may refuse this object although `row` is live. What was accepted once under the same
    /// id, and is no larger and of the same type, stays accepted: a limit that was lowered since, a rename, or a bucket
    /// that was restored by copy never removes a file.
    #[must_use]
    pub fn exceeds(&self, row: &FileRow) -> bool {
        self.size > row.size || self.content_type != row.content_type
    }
}

/// Whether an object with this entity tag was uploaded in parts: S3 then appends their number.
pub(crate) fn is_multipart(etag: &str) -> bool {
    etag.contains('-')
}

/// A live row of `s3_files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// The file's id.
    pub id: FileId,
    /// Where its bytes are, and whose it is.
    pub object_key: ObjectKey,
    /// The name it was uploaded under.
    pub file_name: String,
    /// What S3 calls its type.
    pub content_type: String,
    /// What its first bytes say it is, where they were looked at and recognised.
    pub detected_type: Option<String>,
    /// What a malware scanner has said of it.
    pub scan_status: Option<ScanStatus>,
    /// Its length in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// The rule it was uploaded under.
    pub rule: Option<RuleName>,
    /// The application's fields.
    pub metadata: Metadata,
    /// Its SHA-256, where S3 has one of the whole object.
    pub checksum_sha256: Option<Sha256>,
    /// Its CRC-64/NVME, where S3 has one.
    pub checksum_crc64nvme: Option<Crc64Nvme>,
    /// When S3 had it.
    pub uploaded_at: OffsetDateTime,
}
