//! A file as the API shows it.

use slipway_core::{Error, FileRow, Sha256, UrlBlocked};
use time::OffsetDateTime;

use crate::JsonBody;
use crate::time::rfc3339;

/// The `file` of every reply that has one.
#[derive(Debug)]
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
    url_blocked: Option<&'static str>,
}

impl<'a> FileBody<'a> {
    /// What a file takes in an answer, its URL with the session token of a role included; only a guess.
    pub const BYTES: usize = 2500;

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

    /// Appends it to `body`. By hand, since a page has a thousand of them, and their URLs are most of what it is.
    pub fn write(&self, body: &mut JsonBody) -> Result<(), Error> {
        body.raw("{");
        body.key("id");
        body.text(&self.id)?;
        body.key("objectKey");
        body.text(self.object_key)?;
        body.key("fileName");
        body.text(self.file_name)?;
        body.key("contentType");
        body.text(self.content_type)?;
        body.key("size");
        body.raw(&self.size.to_string());
        body.key("etag");
        body.text(self.etag)?;
        body.key("checksumSha256");
        body.text_or_null(self.checksum_sha256.as_deref())?;
        body.key("uploadedAt");
        body.text(&self.uploaded_at)?;
        body.key("url");
        body.text_or_null(self.url.as_deref())?;
        body.key("urlExpiresAt");
        body.text_or_null(self.url_expires_at.as_deref())?;
        if let Some(blocked) = self.url_blocked {
            body.key("urlBlocked");
            body.text(blocked)?;
        }
        body.raw("}");
        Ok(())
    }
}
