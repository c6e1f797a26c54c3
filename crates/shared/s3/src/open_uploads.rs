//! `ListMultipartUploads`: what was begun and is neither completed nor given up, page by page.

use aws_sdk_s3::types::{EncodingType, MultipartUpload};
use slipway_core::Error;
use time::OffsetDateTime;

use crate::client::Bucket;
use crate::list::decoded;

/// An upload that S3 still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenUpload {
    /// Its key, which may be anybody's.
    pub key: String,
    /// S3's id of it.
    pub upload_id: String,
    /// When it was begun.
    pub initiated: OffsetDateTime,
}

/// A page of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenUploads {
    /// By key.
    pub uploads: Vec<OpenUpload>,
    /// Where the next page begins, if there are more.
    pub next: Option<UploadMarker>,
}

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadMarker {
    key: String,
    upload_id: String,
}

const STEP: &str = "list the bucket's open uploads";

impl Bucket {
    /// At most `most` uploads behind `after` whose keys begin with `prefix`.
    pub async fn open_uploads(
        &self,
        prefix: &str,
        after: Option<&UploadMarker>,
        most: u16,
    ) -> Result<OpenUploads, Error> {
        let request = self
            .sdk(STEP)?
            .list_multipart_uploads()
            .bucket(self.name())
            .set_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .set_key_marker(after.map(|marker| marker.key.clone()))
            .set_upload_id_marker(after.map(|marker| marker.upload_id.clone()))
            .max_uploads(most.into())
            // Keys may hold characters that XML cannot.
            .encoding_type(EncodingType::Url);
        let response = self
            .call(request.send())
            .await
            .map_err(|failure| failure.into_error(STEP, self.name()))?;
        let uploads = response
            .uploads()
            .iter()
            .map(listed)
            .collect::<Result<Vec<_>, _>>()?;
        let next = if response.is_truncated().unwrap_or_default() {
            let next = UploadMarker {
                key: response
                    .next_key_marker()
                    .and_then(decoded)
                    .ok_or_else(|| incomplete("NextKeyMarker"))?,
                upload_id: response
                    .next_upload_id_marker()
                    .ok_or_else(|| incomplete("NextUploadIdMarker"))?
                    .to_owned(),
            };
            // The same page again would be asked for again and again.
            if after == Some(&next) {
                return Err(Error::internal(STEP, "the list does not go on"));
            }
            Some(next)
        } else {
            None
        };
        Ok(OpenUploads { uploads, next })
    }
}

fn listed(upload: &MultipartUpload) -> Result<OpenUpload, Error> {
    let initiated = upload.initiated().ok_or_else(|| incomplete("Initiated"))?;
    Ok(OpenUpload {
        key: upload
            .key()
            .and_then(decoded)
            .ok_or_else(|| incomplete("a key in UTF-8"))?,
        upload_id: upload
            .upload_id()
            .ok_or_else(|| incomplete("an id"))?
            .to_owned(),
        initiated: OffsetDateTime::from_unix_timestamp(initiated.secs())
            .map_err(|error| Error::internal(STEP, error))?,
    })
}

fn incomplete(what: &str) -> Error {
    Error::internal(STEP, format!("S3 answered without {what}"))
}
