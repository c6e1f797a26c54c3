//! Validates the uploads that a client requests. A batch is accepted or refused as a whole.

use serde::Deserialize;
use serde_json::value::RawValue;
use slipway_api::Entries;
use slipway_core::limits::MAX_BATCH_PRESIGN;
use slipway_core::{ContentType, Error, FileName, Metadata, RuleName, Sha256};

use crate::Presign;

/// The body: one upload, or `files` with several.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body {
    file_name: Option<String>,
    content_type: Option<String>,
    size: Option<u64>,
    checksum_sha256: Option<String>,
    rule: Option<String>,
    metadata: Option<Metadata>,
    /// Read one by one, so that an error can name its entry.
    files: Option<Entries<Box<RawValue>, MAX_BATCH_PRESIGN>>,
}

/// One upload that a client requests.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UploadRequest {
    file_name: Option<String>,
    content_type: Option<String>,
    size: Option<u64>,
    checksum_sha256: Option<String>,
    rule: Option<String>,
    metadata: Option<Metadata>,
}

/// The uploads of a valid request.
#[derive(Debug)]
pub enum Accepted {
    /// From a body without `files`.
    One(Intent),
    /// From `files`, in its order.
    Batch(Vec<Intent>),
}

/// A valid upload.
#[derive(Debug)]
pub struct Intent {
    pub(crate) file_name: FileName,
    pub(crate) content_type: ContentType,
    pub(crate) size: Option<u64>,
    pub(crate) checksum: Option<Sha256>,
    pub(crate) metadata: Metadata,
    pub(crate) rule: Option<RuleName>,
    pub(crate) write_once: bool,
}

impl Accepted {
    /// The total bytes of all uploads. Fails if one has no `size`, which a quota needs.
    pub fn total_bytes(&self) -> Result<u64, Error> {
        match self {
            Self::One(intent) => intent.declared(),
            Self::Batch(intents) => {
                intents
                    .iter()
                    .enumerate()
                    .try_fold(0_u64, |total, (at, intent)| {
                        let size = intent
                            .declared()
                            .map_err(|error| error.prefixed(&format!("files[{at}]: ")))?;
                        Ok(total.saturating_add(size))
                    })
            }
        }
    }
}

impl Intent {
    fn declared(&self) -> Result<u64, Error> {
        self.size.ok_or_else(|| {
            Error::invalid_request("size is required here, since uploads count against a quota.")
        })
    }
}

impl Presign {
    pub(crate) fn accept_all(&self, body: Body) -> Result<Accepted, Error> {
        let Some(Entries(files)) = body.files else {
            let Body {
                file_name,
                content_type,
                size,
                checksum_sha256,
                rule,
                metadata,
                files: _,
            } = body;
            let request = UploadRequest {
                file_name,
                content_type,
                size,
                checksum_sha256,
                rule,
                metadata,
            };
            return self.accept_one(request).map(Accepted::One);
        };
        if files.is_empty() {
            return Err(Error::invalid_request(format!(
                "files must have 1 to {MAX_BATCH_PRESIGN} entries."
            )));
        }
        let accept_at = |(at, request): (usize, &RawValue)| {
            slipway_api::object(request.get().as_bytes())
                .map_err(|problem| {
                    Error::invalid_request(format!("This is not as expected: {problem}."))
                })
                .and_then(|request| self.accept_one(request))
                .map_err(|error| error.prefixed(&format!("files[{at}]: ")))
        };
        files
            .iter()
            .map(AsRef::as_ref)
            .enumerate()
            .map(accept_at)
            .collect::<Result<_, _>>()
            .map(Accepted::Batch)
    }

    fn accept_one(&self, request: UploadRequest) -> Result<Intent, Error> {
        let file_name = request
            .file_name
            .ok_or_else(|| Error::invalid_request("fileName is required."))?;
        let content_type = request
            .content_type
            .ok_or_else(|| Error::invalid_request("contentType is required."))?;
        let file_name = FileName::parse(file_name)?;
        let content_type = ContentType::parse(content_type)?;
        let checksum = request
            .checksum_sha256
            .as_deref()
            .map(checksum)
            .transpose()?;
        let rule = self.rules.choose(request.rule.as_deref())?;
        self.allowed.check(&content_type)?;
        if let Some((_, rule)) = rule {
            rule.check_type(content_type.as_str())?;
        }
        if let Some(size) = request.size {
            // Before the deployment's limit, which may advise a multipart upload that the rule
            // refuses as well.
            if let Some((_, rule)) = rule {
                rule.check_size(size)?;
            }
            self.limits.check_declared(size)?;
        }
        Ok(Intent {
            file_name,
            content_type,
            size: request.size,
            checksum,
            metadata: request.metadata.unwrap_or_default(),
            rule: rule.map(|(name, _)| name.clone()),
            write_once: rule.is_some_and(|(_, rule)| rule.write_once()),
        })
    }
}

fn checksum(text: &str) -> Result<Sha256, Error> {
    Sha256::from_base64(text).ok_or_else(|| {
        Error::invalid_request(
            "checksumSha256 must be the SHA-256 of the file, 32 bytes in base64 with padding.",
        )
    })
}
