//! `ListObjectsV2`, page by page in the order of the keys.

use aws_sdk_s3::types::{EncodingType, Object};
use percent_encoding::percent_decode_str;
use slipway_core::Error;
use time::OffsetDateTime;

use crate::client::Bucket;

/// The most that one page holds (S3).
pub const MAX_LIST: u16 = 1000;

/// An object as a list shows it: enough to see whether a row still describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key, which may be anybody's.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// S3's `Last-Modified`, in whole seconds.
    pub last_modified: OffsetDateTime,
}

/// A page of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage {
    /// Its objects, in the byte order of their keys.
    pub objects: Vec<Listed>,
    /// Whether there are more behind it.
    pub more: bool,
}

const STEP: &str = "list the bucket";

impl Bucket {
    /// At most `most` objects whose keys come after `after`.
    pub async fn list_after(&self, after: &str, most: u16) -> Result<ListPage, Error> {
        let request = self
            .sdk(STEP)?
            .list_objects_v2()
            .bucket(self.name())
            .set_start_after((!after.is_empty()).then(|| after.to_owned()))
            .max_keys(most.into())
            // Keys may hold characters that XML cannot.
            .encoding_type(EncodingType::Url);
        let response = self
            .call(request.send())
            .await
            .map_err(|failure| failure.into_error(STEP, self.name()))?;
        let objects = response
            .contents()
            .iter()
            .map(listed)
            .collect::<Result<Vec<_>, _>>()?;
        let mut previous = after;
        for object in &objects {
            // A directory bucket lists in no order: what seems missing would be elsewhere in the
            // list.
            if object.key.as_str() <= previous {
                return Err(Error::internal(
                    STEP,
                    "the keys did not come in their order",
                ));
            }
            previous = &object.key;
        }
        Ok(ListPage {
            more: response.is_truncated().unwrap_or_default() && !objects.is_empty(),
            objects,
        })
    }
}

/// The next segment of a list in which each owner is one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnersPage {
    /// What the keys of each owner begin with, up to and including the slash.
    pub owners: Vec<String>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

impl Bucket {
    /// At most `most` first segments of keys after `after`, each once, however many keys it has.
    pub async fn owners_after(&self, after: &str, most: u16) -> Result<OwnersPage, Error> {
        let request = self
            .sdk(STEP)?
            .list_objects_v2()
            .bucket(self.name())
            .delimiter("/")
            .set_start_after((!after.is_empty()).then(|| after.to_owned()))
            .max_keys(most.into())
            .encoding_type(EncodingType::Url);
        let response = self
            .call(request.send())
            .await
            .map_err(|failure| failure.into_error(STEP, self.name()))?;
        let owners: Vec<String> = response
            .common_prefixes()
            .iter()
            .filter_map(|group| decoded(group.prefix()?))
            .collect();
        // Keys without a slash are entries as well, and may be the last of the page.
        let last_key = response
            .contents()
            .last()
            .and_then(|object| decoded(object.key()?));
        // The slash is the byte before the zero: what follows is after every key of that owner.
        let past = |owner: &String| format!("{}0", owner.trim_end_matches('/'));
        let next = owners.last().map(past).max(last_key);
        let more = response.is_truncated().unwrap_or_default();
        Ok(OwnersPage {
            next: next.filter(|_| more),
            owners,
        })
    }
}

fn listed(object: &Object) -> Result<Listed, Error> {
    let incomplete =
        |what: &str| Error::internal(STEP, format!("S3 listed an object without {what}"));
    let modified = object
        .last_modified()
        .ok_or_else(|| incomplete("LastModified"))?;
    Ok(Listed {
        key: decoded(object.key().ok_or_else(|| incomplete("a key"))?)
            .ok_or_else(|| incomplete("a key in UTF-8"))?,
        size: object
            .size()
            .and_then(|size| u64::try_from(size).ok())
            .ok_or_else(|| incomplete("a size"))?,
        etag: object
            .e_tag()
            .ok_or_else(|| incomplete("an ETag"))?
            .trim_matches('"')
            .to_owned(),
        last_modified: OffsetDateTime::from_unix_timestamp(modified.secs())
            .map_err(|error| Error::internal(STEP, error))?,
    })
}

/// S3 encodes as forms do: a space is a plus.
pub(crate) fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}
