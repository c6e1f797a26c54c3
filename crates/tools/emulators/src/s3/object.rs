//! The properties of an object.

use std::collections::BTreeMap;

use s3s::dto::{ETag, Timestamp};
use s3s::{S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::checksum::Sum;
use super::fault::refuse;
use super::policy::Tags;

/// An object's record. It is stored behind its bytes, and held in the index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: u64,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) modified: Moment,
    pub(super) checksum: Option<Sum>,
    pub(super) described: Description,
    /// In a separate file.
    #[serde(skip)]
    pub(super) tags: Tags,
}

/// The properties that the client has set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Description {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    pub(super) expires: Option<Moment>,
    /// `None` is the class `STANDARD`.
    #[serde(default)]
    pub(super) storage_class: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// The storage classes whose objects must be restored before they are read.
const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

impl Description {
    /// The storage class, if it is not the default. As on S3, no other is shown.
    pub(super) fn shown_class(&self) -> Option<&str> {
        self.storage_class
            .as_deref()
            .filter(|class| *class != "STANDARD")
    }

    /// Fails for an object in an archive class. Nothing restores one here.
    pub(super) fn check_readable(&self) -> S3Result<()> {
        if self
            .shown_class()
            .is_some_and(|class| ARCHIVES.contains(&class))
        {
            return Err(refuse(
                S3ErrorCode::InvalidObjectState,
                "The operation is not valid for the object's storage class",
            ));
        }
        Ok(())
    }
}

/// Whole seconds, the resolution of S3's `Last-Modified`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Moment(i64);

impl Moment {
    pub(super) fn now() -> Self {
        Self(OffsetDateTime::now_utc().unix_timestamp())
    }

    pub(super) fn of(time: OffsetDateTime) -> Self {
        Self(time.unix_timestamp())
    }

    pub(super) fn time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    pub(super) fn timestamp(self) -> Timestamp {
        self.time().into()
    }
}

impl Object {
    pub(super) fn etag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    pub(super) fn content_type(&self) -> String {
        let given = self
            .described
            .content_type
            .clone()
            .filter(|kind| !kind.is_empty());
        given.unwrap_or_else(|| "binary/octet-stream".to_owned())
    }
}

/// `aws-chunked` describes the transfer and not the object.
pub(super) fn without_transfer_coding(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let kept: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// Takes the description from an input. The inputs have equal fields but no common type.
macro_rules! description {
    ($input:expr) => {
        $crate::s3::object::Description {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $crate::s3::object::without_transfer_coding(
                $input.content_encoding.take(),
            ),
            content_language: $input.content_language.take(),
            expires: $input
                .expires
                .take()
                .map(|time| $crate::s3::object::Moment::of(time.into())),
            storage_class: $input
                .storage_class
                .take()
                .map(|class| class.as_str().to_owned()),
            metadata: $input.metadata.take().into_iter().flatten().collect(),
        }
    };
}
pub(super) use description;
