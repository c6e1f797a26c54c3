//! Upload URLs: one signature covers all properties of the upload.

use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::MAX_URL_SECONDS;
use slipway_core::scan::require_scan;
use slipway_core::{ContentType, FileName, Metadata, ObjectKey, RuleName, Sha256};
use time::OffsetDateTime;

use crate::location::PublicBase;
use crate::signer::{Request, SignedUrl, Signer};

/// An upload that a client requests.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// The object key.
    pub key: &'a ObjectKey,
    /// The file name, sent as `x-amz-meta-name`.
    pub file_name: &'a FileName,
    /// The content type: a signed header.
    pub content_type: &'a ContentType,
    /// The exact length in bytes, if known: then a signed header.
    pub size: Option<u64>,
    /// The checksum, if known: then a signed header, and S3 verifies the bytes.
    pub checksum: Option<Sha256>,
    /// The application's fields, sent as `x-amz-meta-data` unless there are none.
    pub metadata: &'a Metadata,
    /// The rule of the upload, sent as `x-amz-meta-rule`.
    pub rule: Option<&'a RuleName>,
    /// Set if the rule makes the URL write-once.
    pub write_once: bool,
}

/// A URL for one PUT, and the headers to send with it.
#[derive(Clone, Debug)]
pub struct UploadUrl {
    /// The URL and its expiry.
    pub signed: SignedUrl,
    /// The headers that the client must send. Never `Content-Length`, which browsers set
    /// themselves.
    pub headers: Vec<(&'static str, String)>,
    /// The object's plain address.
    pub public_url: String,
}

/// A part of a multipart upload that a client requests.
#[derive(Clone, Copy, Debug)]
pub struct UploadPart<'a> {
    /// The key of the complete object.
    pub key: &'a ObjectKey,
    /// S3's id of the upload.
    pub upload_id: &'a str,
    /// Its number, from 1.
    pub number: u16,
    /// Its exact length in bytes: a signed header.
    pub size: u64,
}

/// Creates upload URLs.
#[derive(Debug)]
pub struct UploadUrls {
    signer: Signer,
    public: Option<PublicBase>,
    seconds: u64,
    write_once: bool,
}

impl UploadUrls {
    /// Reads `UPLOAD_URL_SECONDS`, `WRITE_ONCE` and `PUBLIC_BASE_URL`, which must be consistent
    /// with `REQUIRE_SCAN`.
    pub fn from_env(env: &Environment, signer: Signer) -> Result<Self, ConfigError> {
        require_scan(env)?;
        Ok(Self {
            signer,
            public: PublicBase::from_env(env)?,
            seconds: env.number("UPLOAD_URL_SECONDS", 300, 1, MAX_URL_SECONDS)?,
            write_once: env.flag("WRITE_ONCE")?,
        })
    }

    /// Signs a PUT of exactly `upload`, from `now` on.
    #[must_use]
    pub fn put(&self, upload: &Upload<'_>, now: OffsetDateTime) -> UploadUrl {
        let name = upload.file_name.to_metadata();
        let size = upload.size.map(|size| size.to_string());
        let checksum = upload.checksum.map(Sha256::to_base64);
        // Hoisted: S3 stores user metadata from the query, so the client sends nothing extra.
        let (first, data) = if upload.metadata.is_empty() {
            (1, String::new())
        } else {
            (0, upload.metadata.to_header())
        };
        let (end, rule) = upload.rule.map_or((2, ""), |rule| (3, rule.as_str()));
        let query = [
            ("x-amz-meta-data", data.as_str()),
            ("x-amz-meta-name", &name),
            ("x-amz-meta-rule", rule),
        ];
        let mut headers = Vec::with_capacity(4);
        if let Some(size) = &size {
            headers.push(("content-length", size.as_str()));
        }
        headers.push(("content-type", upload.content_type.as_str()));
        if self.write_once || upload.write_once {
            headers.push(("if-none-match", "*"));
        }
        if let Some(checksum) = &checksum {
            headers.push(("x-amz-checksum-sha256", checksum.as_str()));
        }
        let signed = self.signer.sign(&Request {
            method: "PUT",
            key: upload.key,
            operation: "PutObject",
            query: &query[first..end],
            headers: &headers,
            at: now,
            seconds: self.seconds,
        });
        UploadUrl {
            signed,
            headers: headers
                .iter()
                .filter_map(|(name, value)| Some((shown(name)?, (*value).to_owned())))
                .collect(),
            public_url: self.public_url(upload.key),
        }
    }

    /// Signs a PUT of exactly `part`, from `now` on. The client sends no header that a browser does
    /// not set itself.
    #[must_use]
    pub fn part(&self, part: &UploadPart<'_>, now: OffsetDateTime) -> SignedUrl {
        self.signer.sign(&Request {
            method: "PUT",
            key: part.key,
            operation: "UploadPart",
            query: &[
                ("partNumber", &part.number.to_string()),
                ("uploadId", part.upload_id),
            ],
            headers: &[("content-length", &part.size.to_string())],
            at: now,
            seconds: self.seconds,
        })
    }

    /// The plain address of the object under `key`.
    #[must_use]
    pub fn public_url(&self, key: &ObjectKey) -> String {
        self.signer.location().public_url(self.public.as_ref(), key)
    }
}

/// The header as a client writes it. `None` if browsers set it themselves.
fn shown(name: &str) -> Option<&'static str> {
    match name {
        "content-type" => Some("Content-Type"),
        "if-none-match" => Some("If-None-Match"),
        "x-amz-checksum-sha256" => Some("x-amz-checksum-sha256"),
        _ => None,
    }
}
