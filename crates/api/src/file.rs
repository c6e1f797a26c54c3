//! A file as the API shows it.

use slipway_core::{Error, FileRow, Sha256, UrlBlocked};
use time::OffsetDateTime;

use crate::JsonBody;
use crate::time::rfc3339;

/// The `file` of every reply that has one.
#[derive(Debug)]
pub struct FileBody<'a> {
    row: &'a FileRow,
    url: Result<(String, Option<OffsetDateTime>), UrlBlocked>,
}

impl<'a> FileBody<'a> {
    /// What a file takes in an answer, its URL with the session token of a role included; only a guess.
    pub const BYTES: usize = 2500;

    /// `row`, readable at a URL until its end (`None`: for good), or not readable yet, if ever.
    #[must_use]
    pub const fn new(
        row: &'a FileRow,
        url: Result<(String, Option<OffsetDateTime>), UrlBlocked>,
    ) -> Self {
        Self { row, url }
    }

    /// Appends it to `body`. By hand, since a page has a thousand of them, and their URLs are most of what it is.
    pub fn write(&self, body: &mut JsonBody) -> Result<(), Error> {
        let row = self.row;
        body.raw("{");
        body.key("id");
        body.text(row.id.encode(&mut [0; 36]))?;
        body.key("objectKey");
        body.text(row.object_key.as_str())?;
        body.key("fileName");
        body.text(&row.file_name)?;
        body.key("contentType");
        body.text(&row.content_type)?;
        body.key("size");
        body.raw(&row.size.to_string());
        body.key("etag");
        body.text(&row.etag)?;
        body.key("checksumSha256");
        body.text_or_null(row.checksum_sha256.map(Sha256::to_base64).as_deref())?;
        body.key("uploadedAt");
        body.text(&rfc3339(row.uploaded_at)?)?;
        let (url, ends) = match &self.url {
            Ok((url, ends)) => (Some(url.as_str()), ends.map(rfc3339).transpose()?),
            Err(_) => (None, None),
        };
        body.key("url");
        body.text_or_null(url)?;
        body.key("urlExpiresAt");
        body.text_or_null(ends.as_deref())?;
        // There only where there is no URL, so that a deployment without a scanner answers what it always did.
        if let Err(blocked) = self.url {
            body.key("urlBlocked");
            body.text(blocked.as_str())?;
        }
        body.raw("}");
        Ok(())
    }
}
