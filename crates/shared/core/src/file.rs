//! The object as S3 describes it, and the file as the table stores it.

use time::OffsetDateTime;

use crate::checksum::{Crc64Nvme, Sha256};
use crate::id::FileId;
use crate::key::ObjectKey;
use crate::metadata::Metadata;
use crate::rules::RuleName;
use crate::scan::ScanStatus;

/// An object as S3 describes it, never as a client or an event does. It is the only input of the
/// record step.
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
    /// The type detected from its first bytes, if they were read and recognised.
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
    /// Returns whether the object was created by a multipart upload.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        is_multipart(&self.etag)
    }

    /// Returns whether `row` describes this object exactly as S3 does. The record statement
    /// compares the same columns: add a new column in both places.
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

    /// Returns whether the record step may refuse this object although `row` is live. An object
    /// that was accepted under this id stays accepted if it is not larger and has the same type. A
    /// lowered limit, a rename, or a bucket that was restored by copy therefore never removes a
    /// file.
    #[must_use]
    pub fn exceeds(&self, row: &FileRow) -> bool {
        self.size > row.size || self.content_type != row.content_type
    }
}

/// Returns whether an object with this ETag was uploaded in parts: S3 then appends their number.
pub(crate) fn is_multipart(etag: &str) -> bool {
    etag.contains('-')
}

/// A live row of `s3_files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// The file's id.
    pub id: FileId,
    /// The location of its bytes, and its owner.
    pub object_key: ObjectKey,
    /// The name it was uploaded under.
    pub file_name: String,
    /// Its `Content-Type`, as S3 reports it.
    pub content_type: String,
    /// The type detected from its first bytes, if they were read and recognised.
    pub detected_type: Option<String>,
    /// The result of the malware scan.
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
    /// The ETag for which a preview was made or found impossible. A preview of an earlier ETag may
    /// still exist.
    pub preview_etag: Option<String>,
    /// Why that ETag has no preview.
    pub preview_error: Option<String>,
    /// When S3 had it.
    pub uploaded_at: OffsetDateTime,
}

impl FileRow {
    /// Returns whether a preview exists of the bytes that this row describes.
    #[must_use]
    pub fn has_preview(&self) -> bool {
        self.is_preview_decided() && self.preview_error.is_none()
    }

    /// Returns whether a preview was made of these bytes, or found impossible.
    #[must_use]
    pub fn is_preview_decided(&self) -> bool {
        self.preview_etag.as_ref() == Some(&self.etag)
    }
}
