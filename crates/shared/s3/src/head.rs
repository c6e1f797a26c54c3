//! `HeadObject`, the source of every recorded value.

use http::HeaderMap;
use slipway_core::{
    Crc64Nvme, Error, FileName, Metadata, ObjectKey, RuleName, Sha256, StoredObject,
};
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::client::Bucket;
use crate::error::Failure;
use crate::s3::Response;

const STEP: &str = "look at the object in S3";

impl Bucket {
    /// The object under `key`. `None` if there is no object.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let response = self.send_head(key).await?;
        self.read_head(key, response)
    }

    /// The outer error is one of building the request.
    pub(crate) async fn send_head(
        &self,
        key: &ObjectKey,
    ) -> Result<Result<Response, Failure>, Error> {
        let request = self.s3.head_object(key)?;
        Ok(self.send(&request, 0).await)
    }

    /// The object that the response to a HEAD describes.
    pub(crate) fn read_head(
        &self,
        key: &ObjectKey,
        response: Result<Response, Failure>,
    ) -> Result<Option<StoredObject>, Error> {
        match response {
            Ok(response) => described(key, &response.headers).map(Some),
            // The response to a HEAD has no code. A code comes from the GET, and names a missing
            // bucket.
            Err(failure) if failure.status() == Some(404) && failure.code().is_none() => Ok(None),
            Err(failure) => Err(failure.into_error(STEP, self.name()).of_file(key)),
        }
    }
}

/// The detected type of bytes that a browser would decode first, or that cannot be read. No browser
/// shows it.
pub(crate) const UNREADABLE: &str = "application/octet-stream";

/// The text of a header, if S3 sent it.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    std::str::from_utf8(headers.get(name)?.as_bytes()).ok()
}

/// The entity tag, without quotes.
pub(crate) fn etag(headers: &HeaderMap) -> Option<String> {
    Some(header(headers, "etag")?.trim_matches('"').to_owned())
}

/// Whether a browser decodes the object first. Its first bytes then do not show its type.
fn encoded(headers: &HeaderMap) -> bool {
    let encodings = header(headers, "content-encoding").unwrap_or_default();
    encodings
        .split(',')
        .map(str::trim)
        .any(|encoding| !matches!(encoding, "" | "identity" | "aws-chunked"))
}

/// The object that the headers of a response to a HEAD describe.
pub(crate) fn described(key: &ObjectKey, headers: &HeaderMap) -> Result<StoredObject, Error> {
    let incomplete =
        |what: &str| Error::internal(STEP, format!("HeadObject without {what}")).of_file(key);
    let size = header(headers, "content-length")
        .and_then(|size| size.parse().ok())
        .ok_or_else(|| incomplete("a length"))?;
    let modified = header(headers, "last-modified").ok_or_else(|| incomplete("Last-Modified"))?;
    let file_name = header(headers, "x-amz-meta-name")
        .and_then(FileName::from_metadata)
        .map_or_else(
            || key.name().as_str().to_owned(),
            |name| name.as_str().to_owned(),
        );
    Ok(StoredObject {
        key: key.clone(),
        size,
        etag: etag(headers).ok_or_else(|| incomplete("an ETag"))?,
        content_type: header(headers, "content-type")
            .unwrap_or("binary/octet-stream")
            .to_owned(),
        detected_type: encoded(headers).then(|| UNREADABLE.to_owned()),
        file_name,
        rule: header(headers, "x-amz-meta-rule").and_then(RuleName::parse),
        metadata: header(headers, "x-amz-meta-data")
            .and_then(Metadata::from_header)
            .unwrap_or_default(),
        // Of a multipart upload it is a checksum of checksums (`…-3`), which does not parse.
        checksum_sha256: header(headers, "x-amz-checksum-sha256").and_then(Sha256::from_base64),
        checksum_crc64nvme: header(headers, "x-amz-checksum-crc64nvme")
            .and_then(Crc64Nvme::from_base64),
        last_modified: http_date(modified)
            .map_err(|error| Error::internal(STEP, error).of_file(key))?,
    })
}

/// A time as HTTP writes it (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Result<time::OffsetDateTime, time::error::Parse> {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    Ok(PrimitiveDateTime::parse(text, format)?.assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_http() {
        let time = http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a time");
        assert_eq!(time.unix_timestamp(), 784_111_777);
        assert!(http_date("1994-11-06T08:49:37Z").is_err());
    }
}
