//! Aborts an upload.

use serde::Serialize;
use slipway_api::{Reply, Request};
use slipway_core::{Code, Error};
use slipway_record::Outcome;

use crate::{Multipart, no_upload, parsed};

#[derive(Serialize)]
struct Done {
    success: bool,
}

impl Multipart {
    /// Marks the upload as aborted, so that no more URLs are signed and it cannot be completed, and
    /// then aborts it in S3. If S3 fails, the call can be repeated; otherwise `maintain` finishes
    /// it.
    ///
    /// If a completion was faster, there is an object. The file then stays, and the caller can
    /// delete it.
    pub(crate) async fn abort(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let (user, id) = (request.user(), parsed(id)?);
        let upload = self.stores.db.mark_aborted(user, id).await?;
        let upload = upload.ok_or_else(no_upload)?;
        let key = &upload.object_key;
        let bucket = &self.stores.bucket;
        bucket.abort_upload(key, &upload.upload_id).await?;
        match self.recorder().record(key).await? {
            Outcome::Missing | Outcome::Deleted | Outcome::Refused(_) => {
                Reply::ok(&Done { success: true })
            }
            Outcome::Created(_) | Outcome::Existing(_) => {
                self.forget(user, id).await;
                Err(Error::new(
                    Code::NotFound,
                    "The upload is complete and a file now. Delete the file if it is not wanted.",
                ))
            }
        }
    }
}
