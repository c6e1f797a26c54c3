//! Multipart uploads: create, list the parts, complete, abort.

use std::collections::HashMap;

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::types::{ChecksumType, CompletedMultipartUpload, CompletedPart};
use slipway_core::{ContentType, Crc64Nvme, Error, FileName, Metadata, ObjectKey, RuleName};

use crate::client::Bucket;
use crate::error::Failure;
use crate::retry::CONNECT;

/// What the object of an upload will have, apart from its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Its type.
    pub content_type: &'a ContentType,
    /// Its name.
    pub file_name: &'a FileName,
    /// The application's fields.
    pub metadata: &'a Metadata,
    /// The rule that it is uploaded under.
    pub rule: Option<&'a RuleName>,
}

/// A part that S3 has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u16,
    /// Its length in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
}

/// S3's response to a completion. Only a HEAD shows the truth: if a response is lost, the SDK's
/// retry finds the object, or no upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The upload is an object now.
    Done,
    /// There is no such upload. It was completed or aborted, or it never existed.
    NoSuchUpload,
    /// An object exists and is not replaced. The upload is still open.
    ObjectExists,
    /// The bytes are not those of the checksum: there is no object, and the upload is still open.
    ChecksumMismatch,
}

/// What must be so for parts to become an object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions {
    /// There is no object yet.
    pub write_once: bool,
    /// The whole has this checksum.
    pub checksum: Option<Crc64Nvme>,
}

const LIST: &str = "list the parts of an upload";
const COMPLETE: &str = "complete an upload";
const ABORT: &str = "abort an upload";

impl Attributes<'_> {
    /// The values of `x-amz-meta-*`, as presigning signs them.
    fn metadata(&self) -> HashMap<String, String> {
        let data = (!self.metadata.is_empty()).then(|| self.metadata.to_header());
        let rule = self.rule.map(|rule| rule.as_str().to_owned());
        let name = Some(self.file_name.to_metadata());
        [("data", data), ("name", name), ("rule", rule)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

impl Bucket {
    /// Creates an upload under `key`, and returns its id.
    ///
    /// It names no checksum algorithm: S3 then computes the CRC-64/NVME of the whole object, and
    /// parts need no checksum of their own (S3 API reference, `UploadPart`).
    pub async fn create_upload(
        &self,
        key: &ObjectKey,
        attributes: &Attributes<'_>,
    ) -> Result<String, Error> {
        const STEP: &str = "begin an upload";
        let request = self
            .sdk(STEP)?
            .create_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .content_type(attributes.content_type.as_str())
            .set_metadata(Some(attributes.metadata()));
        let response = self
            .call(request.send())
            .await
            .map_err(|failure| failure.into_error(STEP, self.name()))?;
        response
            .upload_id
            .ok_or_else(|| Error::internal(STEP, "S3 answered no upload id"))
    }

    /// The parts that S3 has of an upload, in the order of their numbers. `None` if there is no
    /// such upload.
    pub async fn list_parts(
        &self,
        key: &ObjectKey,
        upload_id: &str,
    ) -> Result<Option<Vec<Part>>, Error> {
        let mut parts: Vec<Part> = Vec::new();
        loop {
            let request = self
                .sdk(LIST)?
                .list_parts()
                .bucket(self.name())
                .key(key.as_str())
                .upload_id(upload_id)
                .set_part_number_marker(parts.last().map(|part| part.number.to_string()));
            let response = match self.call(request.send()).await {
                Ok(response) => response,
                Err(failure) if is_no_such_upload(&failure) => return Ok(None),
                Err(failure) => return Err(failure.into_error(LIST, self.name())),
            };
            let before = parts.len();
            for part in response.parts() {
                let part = listed(part)?;
                if parts.last().is_some_and(|last| last.number >= part.number) {
                    return Err(Error::internal(
                        LIST,
                        "the parts were not in the order of their numbers",
                    ));
                }
                parts.push(part);
            }
            // An empty page would be requested again without end.
            if !response.is_truncated().unwrap_or_default() || parts.len() == before {
                return Ok(Some(parts));
            }
        }
    }

    /// Makes `parts` the object if `conditions` hold. It may take minutes, so the caller sets a
    /// time limit.
    ///
    /// Some servers ignore the checksum, so the caller also compares the one that HEAD reports.
    pub async fn complete_upload(
        &self,
        key: &ObjectKey,
        upload_id: &str,
        parts: &[Part],
        conditions: Conditions,
    ) -> Result<Completion, Error> {
        let parts = parts
            .iter()
            .map(|part| {
                CompletedPart::builder()
                    .part_number(part.number.into())
                    .e_tag(format!("\"{}\"", part.etag))
                    .build()
            })
            .collect();
        let upload = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let request = self
            .sdk(COMPLETE)?
            .complete_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .upload_id(upload_id)
            .multipart_upload(upload)
            .set_if_none_match(conditions.write_once.then(|| "*".to_owned()))
            .set_checksum_crc64_nvme(conditions.checksum.map(Crc64Nvme::to_base64))
            .set_checksum_type(conditions.checksum.map(|_| ChecksumType::FullObject))
            .customize()
            .config_override(without_time_limits());
        match self.call(request.send()).await {
            Ok(_) => Ok(Completion::Done),
            Err(failure) if failure.status() == Some(412) => Ok(Completion::ObjectExists),
            Err(failure) if is_no_such_upload(&failure) => Ok(Completion::NoSuchUpload),
            Err(failure) if conditions.checksum.is_some() && is_mismatch(&failure) => {
                Ok(Completion::ChecksumMismatch)
            }
            Err(failure) => Err(failure.into_error(COMPLETE, self.name())),
        }
    }

    /// Aborts an upload, which removes its parts. Returns whether the upload existed.
    pub async fn abort_upload(&self, key: &ObjectKey, upload_id: &str) -> Result<bool, Error> {
        let request = self
            .sdk(ABORT)?
            .abort_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .upload_id(upload_id);
        match self.call(request.send()).await {
            Ok(_) => Ok(true),
            Err(failure) if is_no_such_upload(&failure) => Ok(false),
            Err(failure) => Err(failure.into_error(ABORT, self.name())),
        }
    }
}

/// Completing many parts may take S3 minutes. Meanwhile it sends spaces, so that the connection
/// stays open.
fn without_time_limits() -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
        .build();
    aws_sdk_s3::Config::builder()
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

fn is_no_such_upload(failure: &Failure) -> bool {
    failure.code() == Some("NoSuchUpload")
}

/// The code of S3, and that of `MinIO`.
fn is_mismatch(failure: &Failure) -> bool {
    matches!(
        failure.code(),
        Some("BadDigest" | "XAmzContentChecksumMismatch")
    )
}

fn listed(part: &aws_sdk_s3::types::Part) -> Result<Part, Error> {
    let incomplete = |what: &str| Error::internal(LIST, format!("S3 listed a part without {what}"));
    Ok(Part {
        number: part
            .part_number()
            .and_then(|number| u16::try_from(number).ok())
            .ok_or_else(|| incomplete("a number"))?,
        size: part
            .size()
            .and_then(|size| u64::try_from(size).ok())
            .ok_or_else(|| incomplete("a size"))?,
        etag: part
            .e_tag()
            .ok_or_else(|| incomplete("an ETag"))?
            .trim_matches('"')
            .to_owned(),
    })
}
