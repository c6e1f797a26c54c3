//! `CopyObject` of an object onto itself, which is how S3 changes the metadata of an object.
//!
//! With `x-amz-metadata-directive: REPLACE`, S3 drops all metadata that is not sent again: the
//! content type and its like, `x-amz-meta-*`, the storage class, and the encryption of this object
//! where that is not the default of the bucket (S3 API reference, `CopyObject`). So a HEAD reads
//! them first, and the copy sends all of them. S3 keeps the tags by itself
//! (`x-amz-tagging-directive: COPY`).
//!
//! The copy has two conditions on the `ETag`. `x-amz-copy-source-if-match` is checked when S3 begins
//! to read, and `If-Match` when it has written: an object that is replaced or deleted meanwhile is
//! neither overwritten nor restored.

use http::header::{HeaderName, HeaderValue, IF_MATCH};
use http::{HeaderMap, header::InvalidHeaderValue};
use slipway_core::{Error, FileName, Metadata, ObjectKey, StoredObject};
use tokio::time::Instant;

use crate::client::Bucket;
use crate::error::{Failure, NO_BUCKET};
use crate::head::described;
use crate::retry::Limits;
use crate::xml;

const STEP: &str = "copy the object onto itself in S3";

/// More than S3's response to a copy, spaces included: S3 sends them while it works.
const MAX_BYTES: usize = 64 * 1024;

/// The headers of a HEAD that a copy sends again.
const KEPT: [&str; 8] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];

const METADATA: &str = "x-amz-meta-";
const NAME: HeaderName = HeaderName::from_static("x-amz-meta-name");
const DATA: HeaderName = HeaderName::from_static("x-amz-meta-data");
const ENCRYPTION: &str = "x-amz-server-side-encryption";

/// The headers of a HEAD that have the checksum of each algorithm.
const CHECKSUMS: [(&str, &str); 5] = [
    ("x-amz-checksum-crc64nvme", "CRC64NVME"),
    ("x-amz-checksum-crc32", "CRC32"),
    ("x-amz-checksum-crc32c", "CRC32C"),
    ("x-amz-checksum-sha1", "SHA1"),
    ("x-amz-checksum-sha256", "SHA256"),
];

/// What a copy changes. `None` keeps what the object has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The file name.
    pub file_name: Option<FileName>,
    /// All fields of the application.
    pub metadata: Option<Metadata>,
}

/// An object, with everything that a copy must send again.
#[derive(Clone, Debug)]
pub struct Source {
    /// The object.
    pub object: StoredObject,
    headers: HeaderMap,
}

/// S3's response to a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// The object has the new metadata.
    Done,
    /// The object has another `ETag`, so it was not copied.
    Changed,
    /// There is no object.
    Missing,
}

impl Changes {
    /// Returns whether a file with this name and metadata already has all changes.
    #[must_use]
    pub fn are_in(&self, file_name: &str, metadata: &Metadata) -> bool {
        let has_name = |name: &FileName| name.as_str() == file_name;
        self.file_name.as_ref().is_none_or(has_name)
            && self.metadata.as_ref().is_none_or(|own| own == metadata)
    }
}

impl Source {
    /// All headers of the copy that describe the object.
    fn changed(&self, changes: &Changes) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            if KEPT.contains(&name.as_str()) || name.as_str().starts_with(METADATA) {
                headers.insert(name, value.clone());
            }
        }
        if let Some(file_name) = &changes.file_name {
            headers.insert(NAME, HeaderValue::from_str(&file_name.to_metadata())?);
        }
        match &changes.metadata {
            Some(metadata) if metadata.is_empty() => drop(headers.remove(DATA)),
            Some(metadata) => {
                headers.insert(DATA, HeaderValue::from_str(&metadata.to_header())?);
            }
            None => {}
        }
        self.keep_encryption(&mut headers);
        self.keep_checksum(&mut headers);
        Ok(headers)
    }

    /// Without these headers, S3 encrypts the copy as the bucket does by default, perhaps with
    /// another key. With S3's own keys the default is at least as strong as what the object has.
    fn keep_encryption(&self, headers: &mut HeaderMap) {
        let by_kms = |value: &HeaderValue| value.as_bytes().starts_with(b"aws:kms");
        if !self.headers.get(ENCRYPTION).is_some_and(by_kms) {
            return;
        }
        let own = self.headers.iter();
        let own = own.filter(|(name, _)| name.as_str().starts_with(ENCRYPTION));
        headers.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    }

    /// S3 keeps the algorithm by itself; other servers compute the checksum that is named here.
    fn keep_checksum(&self, headers: &mut HeaderMap) {
        let has = |name: &str| self.headers.contains_key(name);
        if let Some((_, algorithm)) = CHECKSUMS.iter().find(|(name, _)| has(name)) {
            headers.insert(
                "x-amz-checksum-algorithm",
                HeaderValue::from_static(algorithm),
            );
        }
    }
}

impl Bucket {
    /// The object under `key`, to be copied. `None` if there is no object.
    pub async fn head_source(&self, key: &ObjectKey) -> Result<Option<Source>, Error> {
        match self.send_head(key).await? {
            Ok(response) => {
                let object = described(key, &response.headers)?;
                let headers = response.headers;
                Ok(Some(Source { object, headers }))
            }
            failed => Ok(self.read_head(key, failed)?.map(|object| Source {
                object,
                headers: HeaderMap::new(),
            })),
        }
    }

    /// Copies `source` onto itself with `changes`, if its `ETag` is still `etag`. Waits for S3
    /// until `until`.
    ///
    /// An error does not mean that S3 has not copied it, or does not do so later.
    pub async fn copy_onto_itself(
        &self,
        source: &Source,
        changes: &Changes,
        etag: &str,
        until: Instant,
    ) -> Result<Copied, Error> {
        let key = &source.object.key;
        let headers = conditional(source, changes, etag)
            .map_err(|error| Error::internal(STEP, error).of_file(key))?;
        let request = self.s3.copy_object(key, headers)?;
        let limits = Limits::of_one_attempt(until.saturating_duration_since(Instant::now()));
        let response = self.send_within(&request, MAX_BYTES, limits).await;
        let failure = match response {
            Ok(response) => match result_in_body(&response.body) {
                Ok(()) => return Ok(Copied::Done),
                Err(code) => Failure::Refused {
                    status: 200,
                    code,
                    request: None,
                },
            },
            Err(failure) => failure,
        };
        match (failure.status(), failure.code()) {
            (Some(412), _) | (_, Some("PreconditionFailed")) => Ok(Copied::Changed),
            (Some(404), code) if code != Some(NO_BUCKET) => Ok(Copied::Missing),
            (_, Some("NoSuchKey")) => Ok(Copied::Missing),
            (_, Some("MetadataTooLarge")) => Err(Error::invalid_request(
                "Together with other metadata of the object, this is more than S3's 2 KB. Shorten fileName or metadata.",
            )),
            (_, Some("InvalidObjectState")) => Err(Error::invalid_request(
                "The file is in an archive storage class. Restore it, then repeat the request.",
            )),
            _ => Err(failure.into_error(STEP, self.name()).of_file(key)),
        }
    }
}

/// The headers of the copy, apart from its source.
fn conditional(
    source: &Source,
    changes: &Changes,
    etag: &str,
) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut headers = source.changed(changes)?;
    let etag = HeaderValue::from_str(&format!("\"{etag}\""))?;
    headers.insert("x-amz-copy-source-if-match", etag.clone());
    headers.insert(IF_MATCH, etag);
    headers.insert(
        "x-amz-metadata-directive",
        HeaderValue::from_static("REPLACE"),
    );
    headers.insert("x-amz-tagging-directive", HeaderValue::from_static("COPY"));
    Ok(headers)
}

/// S3 may send 200 before the copy has ended, and then an error in the body. Without a result, the
/// copy has failed, with this code if there is one.
fn result_in_body(body: &[u8]) -> Result<(), Option<String>> {
    let body = String::from_utf8_lossy(body);
    if body.contains("<CopyObjectResult") && !body.contains("<Error>") {
        return Ok(());
    }
    Err(xml::text(&body, "Code").map(str::to_owned))
}
