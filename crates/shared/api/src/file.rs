//! The `file` object of the API.

use slipway_core::{Crc64Nvme, Error, FileRow, RuleName, Sha256, UrlBlocked};
use time::OffsetDateTime;

use crate::JsonBody;
use crate::time::rfc3339;

/// A file in a response.
#[derive(Debug)]
pub struct FileBody<'a> {
    row: &'a FileRow,
    url: Result<(String, Option<OffsetDateTime>), UrlBlocked>,
    preview_url: Option<String>,
}

impl<'a> FileBody<'a> {
    /// The estimated length of a file in a response, with a URL that contains a session token.
    pub const BYTES: usize = 2500;

    /// The file of `row`, with its URL and the time when the URL expires (`None`: never), or with
    /// the reason why it has no URL, and the URL of its preview if it has one.
    #[must_use]
    pub const fn new(
        row: &'a FileRow,
        url: Result<(String, Option<OffsetDateTime>), UrlBlocked>,
        preview_url: Option<String>,
    ) -> Self {
        Self {
            row,
            url,
            preview_url,
        }
    }

    /// Appends the JSON to `body`. It is written by hand, because a page has up to a thousand files
    /// and their URLs are most of it.
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
        body.key("checksumCrc64nvme");
        body.text_or_null(row.checksum_crc64nvme.map(Crc64Nvme::to_base64).as_deref())?;
        body.key("rule");
        body.text_or_null(row.rule.as_ref().map(RuleName::as_str))?;
        body.key("metadata");
        if row.metadata.is_empty() {
            body.raw("{}");
        } else {
            body.raw(&row.metadata.to_json());
        }
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
        body.key("previewUrl");
        body.text_or_null(self.preview_url.as_deref())?;
        // Present only if there is no URL, so that responses do not change for deployments without
        // a scanner.
        if let Err(blocked) = self.url {
            body.key("urlBlocked");
            body.text(blocked.as_str())?;
        }
        body.raw("}");
        Ok(())
    }
}
