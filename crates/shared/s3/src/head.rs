//! `HeadObject`: the one source of what is recorded.

use http::HeaderMap;
use slipway_core::{
    Crc64Nvme, Error, FileName, Metadata, ObjectKey, RuleName, Sha256, StoredObject,
};
use time::PrimitiveDateTime;
use time::macros::format_description;

use crate::client::Bucket;
use crate::error::Failure;
use crate::s3::Answer;

const WHAT: &str = "look at the object in S3";

impl Bucket {
    /// The object under `key` as S3 describes it, `None` where there is none.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let answer = self.ask_head(key).await?;
        self.headed(key, answer)
    }

    /// The outer error is that of a request that could not be made.
    pub(crate) async fn ask_head(&self, key: &ObjectKey) -> Result<Result<Answer, Failure>, Error> {
        let ask = self.s3.head_object(key)?;
        Ok(self.send(&ask, 0).await)
    }

    /// What the answer to a HEAD says.
    pub(crate) fn headed(
        &self,
        key: &ObjectKey,
        answer: Result<Answer, Failure>,
    ) -> Result<Option<StoredObject>, Error> {
        match answer {
            Ok(answer) => described(key, &answer.headers)
                .map(Some)
                .map_err(|error| error.of_file(key)),
            // Without a code: a HEAD's answer has none, whatever is missing.
            Err(failure) if failure.status() == Some(404) && failure.code().is_none() => Ok(None),
            Err(failure) => Err(failure.into_error(WHAT, self.name()).of_file(key)),
        }
    }
}

/// What is recorded of bytes that are not what they will be shown as: nothing that a browser would show.
pub(crate) const UNREADABLE: &str = "application/octet-stream";

/// The header's text, where S3 sent it.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    std::str::from_utf8(headers.get(name)?.as_bytes()).ok()
}

/// The entity tag, without quotes.
pub(crate) fn etag(headers: &HeaderMap) -> Option<String> {
    Some(header(headers, "etag")?.trim_matches('"').to_owned())
}

/// Whether a browser would decode the object first: what its bytes say then says nothing.
fn encoded(headers: &HeaderMap) -> bool {
    let encodings = header(headers, "content-encoding").unwrap_or_default();
    encodings
        .split(',')
        .map(str::trim)
        .any(|encoding| !matches!(encoding, "" | "identity" | "aws-chunked"))
}

fn described(key: &ObjectKey, headers: &HeaderMap) -> Result<StoredObject, Error> {
    let incomplete = |what: &str| Error::internal(WHAT, format!("HeadObject without {what}"));
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
        last_modified: http_date(modified).map_err(|error| Error::internal(WHAT, error))?,
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
