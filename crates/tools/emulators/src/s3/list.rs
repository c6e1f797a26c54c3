//! `ListObjectsV2`, in byte order of the keys.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, ObjectStorageClass};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::fault::refuse;
use super::object::Object;
use super::store::Store;

/// The maximum number of entries of a page.
pub(super) const PAGE: i32 = 1000;
const UNENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b'/');

/// `ListObjectsV2`.
pub(super) fn list(
    store: &Store,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let max_keys = page_size(input.max_keys)?;
    let resumed = input
        .continuation_token
        .as_deref()
        .map(Token::parse)
        .transpose()?;
    let after = match (&resumed, &input.start_after) {
        (Some(token), _) => Some(token.0.as_str()),
        (None, Some(start)) => Some(start.as_str()),
        (None, None) => None,
    };
    let walk = Walk {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty()),
        after,
        // A page may end with a group, and the next page must not begin inside it.
        within: resumed.as_ref().map(|token| token.0.as_str()),
    };
    let page = walk.page(
        &store.state().objects,
        usize::try_from(max_keys).unwrap_or_default(),
    );
    let encoded = input.encoding_type.is_some();
    let show = |text: String| if encoded { url_encode(&text) } else { text };
    let contents = page.objects.iter().map(|object| s3s::dto::Object {
        key: Some(show(object.key.clone())),
        e_tag: Some(object.etag()),
        last_modified: Some(object.modified.timestamp()),
        size: i64::try_from(object.size).ok(),
        storage_class: Some(match object.described.shown_class() {
            Some(class) => ObjectStorageClass::from(class.to_owned()),
            None => ObjectStorageClass::from_static(ObjectStorageClass::STANDARD),
        }),
        ..s3s::dto::Object::default()
    });
    let groups = page.groups.into_iter().map(|prefix| CommonPrefix {
        prefix: Some(show(prefix)),
    });
    let output = ListObjectsV2Output {
        key_count: i32::try_from(page.objects.len() + groups.len()).ok(),
        contents: Some(contents.collect()),
        common_prefixes: Some(groups.collect()),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.map(|last| Token(last).text()),
        name: Some(input.bucket),
        prefix: Some(show(input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(show),
        start_after: input.start_after.map(show),
        max_keys: Some(max_keys),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    };
    Ok(S3Response::new(output))
}

/// The number of entries that a page may have.
pub(super) fn page_size(asked: Option<i32>) -> S3Result<i32> {
    let asked = asked.unwrap_or(PAGE);
    if asked < 0 {
        return Err(refuse(
            S3ErrorCode::InvalidArgument,
            "Argument max-keys must be an integer between 0 and 2147483647",
        ));
    }
    Ok(asked.min(PAGE))
}

pub(super) fn url_encode(text: &str) -> String {
    utf8_percent_encode(text, UNENCODED).to_string()
}

/// The last key or group of a page, opaque to clients.
struct Token(String);

impl Token {
    fn parse(text: &str) -> S3Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let last = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        last.map(Self).ok_or_else(|| {
            refuse(
                S3ErrorCode::InvalidArgument,
                "The continuation token provided is incorrect",
            )
        })
    }

    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }
}

struct Walk<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    after: Option<&'a str>,
    within: Option<&'a str>,
}

#[derive(Default)]
struct Page {
    objects: Vec<Arc<Object>>,
    groups: Vec<String>,
    /// The last entry if there are more.
    next: Option<String>,
}

impl Walk<'_> {
    fn page(&self, index: &BTreeMap<String, Arc<Object>>, max: usize) -> Page {
        let mut page = Page::default();
        let from = match self.after {
            Some(after) if after >= self.prefix => Bound::Excluded(after),
            _ => Bound::Included(self.prefix),
        };
        let mut last: Option<String> = None;
        for (key, object) in index.range::<str, _>((from, Bound::Unbounded)) {
            if !key.starts_with(self.prefix) {
                break;
            }
            let group = self.group(key);
            if group
                .is_some_and(|group| last.as_deref() == Some(group) || self.within == Some(group))
            {
                continue;
            }
            if page.objects.len() + page.groups.len() == max {
                // S3 reports an empty page with `max-keys=0` as complete.
                page.next = last;
                break;
            }
            let entry = group.unwrap_or(key);
            match group {
                Some(group) => page.groups.push(group.to_owned()),
                None => page.objects.push(Arc::clone(object)),
            }
            last = Some(entry.to_owned());
        }
        page
    }

    /// The entry of a key: itself, or the group up to the first delimiter after the prefix.
    fn group<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let at = key[self.prefix.len()..].find(delimiter)?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }
}
