//! `HeadObject` and the first bytes, side by side: what S3 says of an object, and what the object is.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use futures_util::future::join;
use slipway_core::sniff::{SNIFF_BYTES, detect};
use slipway_core::{Error, ObjectKey, StoredObject};
use tokio::time::timeout;

use crate::client::{ATTEMPT, Bucket};
use crate::error::{fault, status};
use crate::head::UNREADABLE;

/// How often an object that changes between the two questions is looked at again.
const LOOKS: u32 = 4;

const WHAT: &str = "read the object's first bytes";

/// How an object begins.
enum Start {
    Bytes {
        etag: String,
        bytes: Vec<u8>,
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
            let (head, start) = join(self.head(key), self.start(key)).await;
            let Some(mut object) = head? else {
                return Ok(None);
            };
            // Encoded: there is nothing to be told from its bytes.
            if object.detected_type.is_some() {
                return Ok(Some(object));
            }
            object.detected_type = match start? {
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

    async fn start(&self, key: &ObjectKey) -> Result<Start, Error> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(key.as_str())
            .range(format!("bytes=0-{}", SNIFF_BYTES - 1))
            .send()
            .await;
        match answer {
            Ok(object) => started(object).await,
            Err(error) if error.code() == Some("InvalidObjectState") => Ok(Start::Archived),
            Err(error) => match status(&error) {
                // No byte can be had from an object that has none.
                Some(416) => Ok(Start::Empty),
                Some(404) => Ok(Start::Missing),
                _ => Err(fault(WHAT, error)),
            },
        }
    }
}

async fn started(object: GetObjectOutput) -> Result<Start, Error> {
    let etag = object
        .e_tag
        .as_deref()
        .ok_or_else(|| Error::internal(WHAT, "GetObject without an ETag"))?
        .trim_matches('"')
        .to_owned();
    // The client's own deadlines end with the headers.
    let bytes = timeout(ATTEMPT, first_bytes(object.body))
        .await
        .map_err(|_| Error::timeout(WHAT))??;
    Ok(Start::Bytes { etag, bytes })
}

/// No more than was asked for, even from a server that knows no ranges and sends everything.
async fn first_bytes(mut body: ByteStream) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(SNIFF_BYTES);
    while bytes.len() < SNIFF_BYTES {
        let chunk = body.try_next().await;
        let Some(chunk) = chunk.map_err(|error| Error::unavailable(WHAT, error))? else {
            break;
        };
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(SNIFF_BYTES);
    Ok(bytes)
}
