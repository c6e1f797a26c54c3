//! Reading a whole file to make its preview, and writing the preview.

use std::time::Duration;

use bytes::Bytes;
use slipway_core::{Error, ObjectKey};

use crate::client::Bucket;
use crate::error::NO_BUCKET;
use crate::retry::Limits;

const READ: &str = "read the object";
const WRITE: &str = "write the preview";

/// The time for reading a file of 64 MiB. Lambda reads it in about a second.
const READ_LIMITS: Limits = Limits {
    attempt: Duration::from_secs(12),
    operation: Duration::from_secs(25),
};

impl Bucket {
    /// All bytes of the object under `key`, if its `ETag` is still `etag` and it has at most
    /// `max_bytes`. `None` if it is missing, archived, or another object now.
    pub async fn get_unchanged(
        &self,
        key: &ObjectKey,
        etag: &str,
        max_bytes: usize,
    ) -> Result<Option<Bytes>, Error> {
        let request = self.s3.get_whole_object(key, etag)?;
        let failure = match self.send_within(&request, max_bytes, READ_LIMITS).await {
            Ok(response) => return Ok(Some(response.body)),
            Err(failure) => failure,
        };
        match failure.status() {
            Some(412) => Ok(None),
            Some(404) if failure.code() != Some(NO_BUCKET) => Ok(None),
            _ if failure.code() == Some("InvalidObjectState") => Ok(None),
            _ => Err(failure.into_error(READ, self.name()).of_file(key)),
        }
    }

    /// Writes the preview of the file under `key`, over an earlier one.
    pub async fn put_preview(
        &self,
        key: &ObjectKey,
        content_type: &str,
        preview: Bytes,
    ) -> Result<(), Error> {
        let request = self.s3.put_object(&key.preview(), content_type, preview)?;
        self.send(&request, 0)
            .await
            .map_err(|failure| failure.into_error(WRITE, self.name()).of_file(key))?;
        Ok(())
    }
}
