//! Giving an upload up.

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
    /// From the mark on nobody signs for it or completes it; then S3 drops its parts. If S3 fails now, the call may
    /// be repeated, and `maintain` does it otherwise.
    ///
    /// Where a completion was faster, there is an object: then the file stays, and it is for the caller to delete it.
    pub(crate) async fn abort(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let (user, id) = (request.user(), parsed(id)?);
        let upload = self.db().mark_aborted(user, id).await?;
        let upload = upload.ok_or_else(no_upload)?;
        let key = &upload.object_key;
        let bucket = self.recorder.bucket();
        bucket.abort_upload(key, &upload.upload_id).await?;
        match self.recorder.record(key).await? {
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
