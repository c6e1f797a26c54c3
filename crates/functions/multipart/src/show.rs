//! Shows one upload, with the parts that S3 has.

use serde::Serialize;
use slipway_api::{Reply, Request};
use slipway_core::Error;

use crate::list::UploadBody;
use crate::{Multipart, no_upload};

#[derive(Serialize)]
struct Shown<'a> {
    success: bool,
    #[serde(flatten)]
    upload: UploadBody<'a>,
    parts: Vec<PartBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartBody {
    part_number: u16,
    size: u64,
    etag: String,
}

impl Multipart {
    pub(crate) async fn show(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let upload = self.open_upload(request.user(), id).await?;
        let bucket = &self.stores.bucket;
        let parts = bucket
            .list_parts(&upload.object_key, &upload.upload_id)
            .await?
            .ok_or_else(no_upload)?;
        Reply::ok(&Shown {
            success: true,
            upload: UploadBody::new(&upload)?,
            parts: parts
                .into_iter()
                .map(|part| PartBody {
                    part_number: part.number,
                    size: part.size,
                    etag: part.etag,
                })
                .collect(),
        })
    }
}
