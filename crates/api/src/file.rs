//! A file as the API shows it.

use serde::Serialize;
use slipway_core::{Error, FileRow, Sha256, UrlBlocked};
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
    url: Option<String>,
    url_expires_at: Option<String>,
    /// There only where there is no URL, so that a deployment without a scanner answers what it always did.
    #[serde(skip_serializing_if = "Option::is_none")]
    url_blocked: Option<&'static str>,
}

impl<'a> FileBody<'a> {
    /// `row`, readable at a URL until its end (`None`: for good), or not readable yet, if ever.
    pub fn new(
        row: &'a FileRow,
        url: Result<(String, Option<OffsetDateTime>), UrlBlocked>,
    ) -> Result<Self, Error> {
        let (url, url_expires_at, url_blocked) = match url {
            Ok((url, ends)) => (Some(url), ends, None),
            Err(blocked) => (None, None, Some(blocked.as_str())),
        };
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
            url_blocked,
        })
    }
}
