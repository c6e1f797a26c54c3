//! `HeadObject` and `GetObject` of the first bytes, concurrently: the metadata of an object, and
//! its detected type.

use bytes::Bytes;
use futures_util::future::join;
use slipway_core::sniff::{SNIFF_BYTES, detect};
use slipway_core::{Error, ObjectKey, StoredObject};

use crate::client::Bucket;
use crate::error::{Failure, NO_BUCKET};
use crate::head::{UNREADABLE, etag};
use crate::s3::Response;

/// How often both requests are repeated if the object changes between them.
const MAX_TRIES: u32 = 4;

const STEP: &str = "read the object's first bytes";

/// The first bytes of an object.
enum Start {
    Bytes {
        etag: String,
        bytes: Bytes,
    },
    Empty,
    Missing,
    /// The object is in an archive class and must be restored before it is read.
    Archived,
}

impl Bucket {
    /// The object under `key`, with the type that its first bytes have. `None` if there is no
    /// object.
    ///
    /// The two requests run concurrently and take one round trip. Their responses are combined only
    /// if both have the same `ETag`, and so describe the same bytes.
    pub async fn head_and_detect(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let mut last = None;
        for _ in 0..MAX_TRIES {
            let (head, start) = join(self.send_head(key), self.send_get_start(key)).await;
            let (mut head, start) = (head?, start?);
            if let (Err(failure), Err(other)) = (&head, &start)
                // For a missing object both are 404. Only the GET has a code, which tells a missing
                // bucket from it.
                && (other.status() != Some(404) || other.code() == Some(NO_BUCKET))
            {
                head = Err(failure.clone().explained_by(other));
            }
            let Some(mut object) = self.read_head(key, head)? else {
                return Ok(None);
            };
            // The object has a content encoding, so its bytes do not show a type.
            if object.detected_type.is_some() {
                return Ok(Some(object));
            }
            object.detected_type = match self.read_start(key, start)? {
                Start::Bytes { etag, bytes } if etag == object.etag => detect(&bytes),
                Start::Empty if object.size == 0 => None,
                Start::Archived => Some(UNREADABLE),
                Start::Bytes { .. } | Start::Empty | Start::Missing => {
                    last = Some(object);
                    continue;
                }
            }
            .map(str::to_owned);
            return Ok(Some(object));
        }
        // The object keeps changing. The event of its last upload will record it again. Until then
        // no browser shows it.
        Ok(last.map(|object| StoredObject {
            detected_type: Some(UNREADABLE.to_owned()),
            ..object
        }))
    }

    /// The outer error is one of building the request.
    async fn send_get_start(&self, key: &ObjectKey) -> Result<Result<Response, Failure>, Error> {
        let request = self.s3.get_object(key, SNIFF_BYTES)?;
        Ok(self.send(&request, SNIFF_BYTES).await)
    }

    fn read_start(
        &self,
        key: &ObjectKey,
        response: Result<Response, Failure>,
    ) -> Result<Start, Error> {
        let failure = match response {
            Ok(response) => {
                let etag = etag(&response.headers).ok_or_else(|| {
                    Error::internal(STEP, "GetObject without an ETag").of_file(key)
                })?;
                let bytes = response.body;
                return Ok(Start::Bytes { etag, bytes });
            }
            Err(failure) => failure,
        };
        match failure.status() {
            _ if failure.code() == Some("InvalidObjectState") => Ok(Start::Archived),
            // S3 refuses every range of an empty object.
            Some(416) => Ok(Start::Empty),
            Some(404) => Ok(Start::Missing),
            _ => Err(failure.into_error(STEP, self.name()).of_file(key)),
        }
    }
}
