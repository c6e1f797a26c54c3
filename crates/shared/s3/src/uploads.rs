//! Multipart uploads: begin, list parts, complete, give up.

use std::collections::HashMap;

use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;
use aws_sdk_s3::types::{ChecksumType, CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use slipway_core::{ContentType, Crc64Nvme, Error, FileName, Metadata, ObjectKey, RuleName};

use crate::client::{Bucket, CONNECT};
use crate::sdk_error::{fault, status};

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

/// What S3 says of a completion. Only a look at the object tells the truth: an answer may be lost, and the SDK's
/// second try then finds no upload any more, or the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// It is done.
    Done,
    /// There is no such upload: it is completed, given up, or never was.
    NoSuchUpload,
    /// There is an object already, and it is not replaced. The upload is still open.
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
const ABORT: &str = "give up an upload";

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
    /// Begins an upload under `key`, and answers S3's id of it.
    ///
    /// It names no checksum algorithm: S3 then computes the CRC-64/NVME of the whole object, and parts need no checksum
    /// of their own (S3 API reference, `UploadPart`).
    pub async fn create_upload(
        &self,
        key: &ObjectKey,
        attributes: &Attributes<'_>,
    ) -> Result<String, Error> {
        const WHAT: &str = "begin an upload";
        let answer = self
            .sdk(WHAT)?
            .create_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .content_type(attributes.content_type.as_str())
            .set_metadata(Some(attributes.metadata()))
            .send()
            .await
            .map_err(|error| fault(WHAT, error, self.name()))?;
        answer
            .upload_id
            .ok_or_else(|| Error::internal(WHAT, "S3 answered no upload id"))
    }

    /// The parts that S3 has of an upload, in the order of their numbers; `None` where S3 knows no such upload.
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
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) if is_no_such_upload(&error) => return Ok(None),
                Err(error) => return Err(fault(LIST, error, self.name())),
            };
            let before = parts.len();
            for part in answer.parts() {
                let part = listed(part)?;
                if parts.last().is_some_and(|last| last.number >= part.number) {
                    return Err(Error::internal(
                        LIST,
                        "the parts did not come in their order",
                    ));
                }
                parts.push(part);
            }
            // A page that brings nothing would be asked for again and again.
            if !answer.is_truncated().unwrap_or_default() || parts.len() == before {
                return Ok(Some(parts));
            }
        }
    }

    /// Makes `parts` the object if `conditions` hold. It may take minutes: the caller bounds it.
    ///
    /// Some servers ignore the checksum, so the caller compares the one that HEAD reports as well.
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
        let answer = self
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
            .config_override(patient())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Completion::Done),
            Err(error) if status(&error) == Some(412) => Ok(Completion::ObjectExists),
            Err(error) if is_no_such_upload(&error) => Ok(Completion::NoSuchUpload),
            Err(error) if conditions.checksum.is_some() && is_mismatch(&error) => {
                Ok(Completion::ChecksumMismatch)
            }
            Err(error) => Err(complaint(error, self.name())),
        }
    }

    /// Gives up an upload and its parts; answers whether S3 knew it.
    pub async fn abort_upload(&self, key: &ObjectKey, upload_id: &str) -> Result<bool, Error> {
        let request = self
            .sdk(ABORT)?
            .abort_multipart_upload()
            .bucket(self.name())
            .key(key.as_str())
            .upload_id(upload_id);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_no_such_upload(&error) => Ok(false),
            Err(error) => Err(fault(ABORT, error, self.name())),
        }
    }
}

/// While S3 puts many parts together it sends blanks, so that the connection stays.
fn patient() -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
        .build();
    aws_sdk_s3::Config::builder()
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// What may pass is `unavailable`, also where S3 says 200 first and fails then: its parts are still there.
fn complaint<E>(error: SdkError<E, HttpResponse>, bucket: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let may_pass = match status(&error) {
        Some(200 | 409) => true,
        // A part was replaced since it was listed.
        _ => error.code() == Some("InvalidPart"),
    };
    match &error {
        SdkError::ServiceError(service) if may_pass => {
            let code = service.err().code().unwrap_or("no code");
            let request = service.err().meta().request_id().map(str::to_owned);
            Error::unavailable(COMPLETE, format!("S3 answered {code}")).of_s3_request(request)
        }
        _ => fault(COMPLETE, error, bucket),
    }
}

fn is_no_such_upload<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("NoSuchUpload")
}

/// The code of S3, and that of `MinIO`.
fn is_mismatch<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(
        error.code(),
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
