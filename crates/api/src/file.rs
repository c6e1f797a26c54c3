//! A file as the API shows it.

use serde::Serialize;
use slipway_core::{Error, FileRow, Sha256};
use time::OffsetDateTime;

use crate::time::rfc3339;

/// The `file` of every reply that has one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileBody<'a> {
    id: String,
    object_key: &'a str,
    file_name: &'a str,
    content_type: &'a str,
    size: u64,
    etag: &'a str,
    checksum_sha256: Option<String>,
    uploaded_at: String,
    url: String,
    url_expires_at: Option<String>,
}

impl<'a> FileBody<'a> {
    /// `row`, readable at `url` until `url_expires_at` (`None`: for good).
    pub fn new(
        row: &'a FileRow,
        (url, url_expires_at): (String, Option<OffsetDateTime>),
    ) -> Result<Self, Error> {
        Ok(Self {
            id: row.id.to_string(),
            object_key: row.object_key.as_str(),
            file_name: &row.file_name,
            content_type: &row.content_type,
            size: row.size,
            etag: &row.etag,
            checksum_sha256: row.checksum_sha256.map(Sha256::to_base64),
            uploaded_at: rfc3339(row.uploaded_at)?,
            url,
            url_expires_at: url_expires_at.map(rfc3339).transpose()?,
        })
    }
}
