//! `HeadObject` and the first bytes, side by side: what S3 says of an object, and what the object is.

use bytes::Bytes;
use futures_util::future::join;
use slipway_core::sniff::{SNIFF_BYTES, detect};
use slipway_core::{Error, ObjectKey, StoredObject};

use crate::client::Bucket;
use crate::error::{Failure, NO_BUCKET};
use crate::head::{UNREADABLE, etag};
use crate::s3::Answer;

/// How often an object that changes between the two questions is looked at again.
const LOOKS: u32 = 4;

const WHAT: &str = "read the object's first bytes";

/// How an object begins.
enum Start {
    Bytes {
        etag: String,
        bytes: Bytes,
    },
    Empty,
    Missing,
    /// In an archive class that must be restored before it is read.
    Archived,
}

impl Bucket {
    /// The object under `key` as S3 describes it, and what its first bytes say it is; `None` where there is none.
    ///
    /// Two questions at the same time, so one round trip. Their answers are put together only if both are about
    /// the same bytes, which the `ETag` tells.
    pub async fn look(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        let mut last = None;
        for _ in 0..LOOKS {
            let (head, start) = join(self.ask_head(key), self.ask_start(key)).await;
            let (mut head, start) = (head?, start?);
            if let (Err(failure), Err(other)) = (&head, &start)
                // A missing object is the same to both; only the GET can say that the whole bucket is missing.
                && (other.status() != Some(404) || other.code() == Some(NO_BUCKET))
            {
                head = Err(failure.clone().explained_by(other));
            }
            let Some(mut object) = self.headed(key, head)? else {
                return Ok(None);
            };
            // Encoded: there is nothing to be told from its bytes.
            if object.detected_type.is_some() {
                return Ok(Some(object));
            }
            object.detected_type = match self.started(key, start)? {
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
        // Its owner keeps replacing it: the event of the last upload is yet to come. Until then it is shown to nobody.
        Ok(last.map(|object| StoredObject {
            detected_type: Some(UNREADABLE.to_owned()),
            ..object
        }))
    }

    /// The outer error is that of a request that could not be made.
    async fn ask_start(&self, key: &ObjectKey) -> Result<Result<Answer, Failure>, Error> {
        let ask = self.s3.get_object(key, SNIFF_BYTES)?;
        Ok(self.send(&ask, SNIFF_BYTES).await)
    }

    fn started(&self, key: &ObjectKey, answer: Result<Answer, Failure>) -> Result<Start, Error> {
        let failure = match answer {
            Ok(answer) => {
                let etag = etag(&answer.headers).ok_or_else(|| {
                    Error::internal(WHAT, "GetObject without an ETag").of_file(key)
                })?;
                let bytes = answer.body;
                return Ok(Start::Bytes { etag, bytes });
            }
            Err(failure) => failure,
        };
        match failure.status() {
            _ if failure.code() == Some("InvalidObjectState") => Ok(Start::Archived),
            // No byte can be had from an object that has none.
            Some(416) => Ok(Start::Empty),
            Some(404) => Ok(Start::Missing),
            _ => Err(failure.into_error(WHAT, self.name()).of_file(key)),
        }
    }
}
