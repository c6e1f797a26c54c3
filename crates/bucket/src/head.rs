//! `HeadObject`: the one source of what is recorded.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumMode;
use slipway_core::{Error, FileName, ObjectKey, Sha256, StoredObject};
use time::OffsetDateTime;

use crate::client::Bucket;
use crate::error::{fault, status};

impl Bucket {
    /// The object under `key` as S3 describes it, `None` where there is none.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let answer = self
            .client
            .head_object()
            .bucket(&self.name)
            .key(key.as_str())
            // S3 tells checksums only when asked to.
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        match answer {
            Ok(head) => described(key, &head).map(Some),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(fault("look at the object in S3", error)),
        }
    }
}

/// What is recorded of bytes that are not what they will be shown as: nothing that a browser would show.
pub(crate) const UNREADABLE: &str = "application/octet-stream";

/// Whether a browser would decode the object first: what its bytes say then says nothing.
fn encoded(head: &HeadObjectOutput) -> bool {
    let encodings = head.content_encoding().unwrap_or_default().split(',');
    encodings
        .map(str::trim)
        .any(|encoding| !matches!(encoding, "" | "identity" | "aws-chunked"))
}

fn described(key: &ObjectKey, head: &HeadObjectOutput) -> Result<StoredObject, Error> {
    let incomplete = |what: &str| {
        Error::internal(
            "look at the object in S3",
            format!("HeadObject without {what}"),
        )
    };
    let size = head
        .content_length()
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| incomplete("a length"))?;
    let modified = head
        .last_modified()
        .ok_or_else(|| incomplete("Last-Modified"))?;
    let file_name = head
        .metadata()
        .and_then(|metadata| metadata.get("name"))
        .and_then(|name| FileName::from_metadata(name))
        .map_or_else(
            || key.name().as_str().to_owned(),
            |name| name.as_str().to_owned(),
        );
    Ok(StoredObject {
        key: key.clone(),
        size,
        etag: head
            .e_tag()
            .ok_or_else(|| incomplete("an ETag"))?
            .trim_matches('"')
            .to_owned(),
        content_type: head
            .content_type()
            .unwrap_or("binary/octet-stream")
            .to_owned(),
        detected_type: encoded(head).then(|| UNREADABLE.to_owned()),
        file_name,
        // Of a multipart upload it is a checksum of checksums (`…-3`), which does not parse.
        checksum_sha256: head.checksum_sha256().and_then(Sha256::from_base64),
        last_modified: OffsetDateTime::from_unix_timestamp(modified.secs())
            .map_err(|error| Error::internal("look at the object in S3", error))?,
    })
}
