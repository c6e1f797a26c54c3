//! Creates an upload.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use slipway_api::{Reply, Request};
use slipway_core::limits::check_quota;
use slipway_core::{Code, ContentType, Error, FileId, FileName, Metadata, ObjectKey, Parts};
use slipway_db::NewUpload;
use slipway_s3::Attributes;

use crate::Multipart;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    file_name: Option<String>,
    content_type: Option<String>,
    size: Option<u64>,
    part_size: Option<u64>,
    checksum_sha256: Option<IgnoredAny>,
    rule: Option<String>,
    metadata: Option<Metadata>,
}

/// A well-formed request. A later step checks whether it is allowed.
struct Intent {
    file_name: FileName,
    content_type: ContentType,
    parts: Parts,
    rule: Option<String>,
    metadata: Metadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    success: bool,
    id: String,
    object_key: &'a str,
    part_size: u64,
    part_count: u16,
    public_file_url: String,
}

impl Multipart {
    /// Create the upload in S3 before the row. A crash between the two leaves an upload in S3
    /// without a row and without parts, which a lifecycle rule or `maintain` aborts. In the reverse
    /// order, a row would refer to an upload that was never created, and the client could list it.
    pub(crate) async fn create(&self, request: &Request) -> Result<Reply, Error> {
        let intent = accept(request.json()?)?;
        let Intent {
            file_name,
            content_type,
            parts,
            rule,
            metadata,
        } = &intent;
        let rule = self.rules.choose(rule.as_deref())?;
        self.allowed.check(content_type)?;
        if let Some((_, rule)) = rule {
            rule.check_type(content_type.as_str())?;
            rule.check_size(parts.size())?;
        }
        let rule = rule.map(|(name, _)| name);
        self.limits.check_multipart(parts.size())?;
        if let Some(quota) = self.quota_bytes {
            let held = self.stores.db.holdings(request.user()).await?;
            check_quota(parts.size(), held.stored.bytes, held.pending_bytes, quota)?;
        }
        let key = ObjectKey::new(request.user().clone(), FileId::new(), file_name);
        request.concerns([key.id()]);
        let bucket = &self.stores.bucket;
        let attributes = Attributes {
            content_type,
            file_name,
            metadata,
            rule,
        };
        let upload_id = bucket.create_upload(&key, &attributes).await?;
        let upload = NewUpload {
            key: &key,
            upload_id: &upload_id,
            file_name: file_name.as_str(),
            content_type: content_type.as_str(),
            rule,
            parts: *parts,
        };
        if let Err(error) = self.stores.db.add_upload(&upload).await {
            let is_refused = error.code() == Code::TooManyUploads;
            tokio::join!(self.abort_unknown(&key, &upload_id), async {
                if !is_refused {
                    self.take_back(&key).await;
                }
            });
            return Err(error);
        }
        Reply::created(&Created {
            success: true,
            id: key.id().to_string(),
            object_key: key.as_str(),
            part_size: parts.part_size(),
            part_count: parts.count(),
            public_file_url: self.uploads.public_url(&key),
        })
    }

    /// The upload was refused or its row was not stored, so no client receives its id. Without this
    /// abort it would remain in S3, as after a crash.
    async fn abort_unknown(&self, key: &ObjectKey, upload_id: &str) {
        if let Err(error) = self.stores.bucket.abort_upload(key, upload_id).await {
            tracing::warn!(
                fileId = %key.id(),
                code = error.code().as_str(),
                cause = error.causes(),
                s3RequestId = error.s3_request(),
                "an upload without a row remains"
            );
        }
    }

    /// The row may have been stored although storing it failed. It would count as an open upload
    /// until `maintain` drops it.
    async fn take_back(&self, key: &ObjectKey) {
        if let Err(error) = self.stores.db.take_back_upload(key.owner(), key.id()).await {
            tracing::warn!(
                fileId = %key.id(),
                code = error.code().as_str(),
                cause = error.causes(),
                "a row of an upload that no client knows may remain; maintain drops it"
            );
        }
    }
}

fn accept(body: Body) -> Result<Intent, Error> {
    let required = |name: &str| Error::invalid_request(format!("{name} is required."));
    let file_name = FileName::parse(body.file_name.ok_or_else(|| required("fileName"))?)?;
    let content_type = body.content_type.ok_or_else(|| required("contentType"))?;
    let content_type = ContentType::parse(content_type)?;
    let size = body.size.ok_or_else(|| required("size"))?;
    if body.checksum_sha256.is_some() {
        return Err(Error::invalid_request(
            "checksumSha256 cannot be kept for a multipart upload: S3 makes no SHA-256 of the whole. Leave it out.",
        ));
    }
    Ok(Intent {
        file_name,
        content_type,
        parts: Parts::plan(size, body.part_size)?,
        rule: body.rule,
        metadata: body.metadata.unwrap_or_default(),
    })
}
