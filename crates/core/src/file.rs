//! What S3 says of an object, and what the table keeps of a file.

use time::OffsetDateTime;

use crate::checksum::Sha256;
use crate::id::FileId;
use crate::key::ObjectKey;
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
    /// Its SHA-256, where S3 has one of the whole object.
    pub checksum_sha256: Option<Sha256>,
    /// S3's `Last-Modified`, in whole seconds.
    pub last_modified: OffsetDateTime,
}

impl StoredObject {
    /// Whether it came as a multipart upload: S3 then writes the number of parts behind the tag.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        self.etag.contains('-')
    }
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
    /// Its SHA-256, where S3 has one of the whole object.
    pub checksum_sha256: Option<Sha256>,
    /// When S3 had it.
    pub uploaded_at: OffsetDateTime,
}
