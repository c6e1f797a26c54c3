//! Tags of objects: `PutObjectTagging`, `GetObjectTagging`, `DeleteObjectTagging`, and the header
//! `x-amz-tagging`.
//!
//! Tags belong to an object and not to its key: another write to the key removes them. On disk they
//! are in a separate file, which is deleted before another object takes the key. A crash in between
//! can lose tags, but never keeps those of the earlier object.

use std::fs;
use std::io;
use std::path::Path;

use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput,
    GetObjectTaggingOutput, PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
};
use s3s::{S3Request, S3Response, S3Result};
use serde::{Deserialize, Serialize};

use super::fault::{bad_request, no_such_key};
use super::policy::Tags;
use super::store::Store;

const MOST: usize = 10;
const LONGEST_NAME: usize = 128;
const LONGEST_VALUE: usize = 256;

/// The file of an object's tags.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) tags: Tags,
}

/// `PutObjectTagging` replaces all tags.
pub(super) fn put(
    store: &Store,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    let pairs = input.tagging.tag_set.into_iter();
    let tags =
        checked(pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())))?;
    store.set_tags(&input.key, tags, |_| true)?;
    Ok(S3Response::new(PutObjectTaggingOutput::default()))
}

/// `GetObjectTagging`.
pub(super) fn get(
    store: &Store,
    request: &S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let object = store.find(&request.input.key).ok_or_else(no_such_key)?;
    let tags = object.tags.iter().map(|(name, value)| Tag {
        key: Some(name.clone()),
        value: Some(value.clone()),
    });
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: tags.collect(),
        ..GetObjectTaggingOutput::default()
    }))
}

/// `DeleteObjectTagging`.
pub(super) fn delete(
    store: &Store,
    request: &S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    store.set_tags(&request.input.key, Tags::new(), |_| true)?;
    let mut response = S3Response::new(DeleteObjectTaggingOutput::default());
    response.status = Some(http::StatusCode::NO_CONTENT);
    Ok(response)
}

/// The tags of the header `x-amz-tagging`, which is form-encoded.
pub(super) fn of_header(header: Option<&str>) -> S3Result<Tags> {
    let header = header.unwrap_or_default();
    checked(form_urlencoded::parse(header.as_bytes()).into_owned())
}

fn checked(pairs: impl Iterator<Item = (String, String)>) -> S3Result<Tags> {
    let mut tags = Tags::new();
    for (name, value) in pairs {
        let fits = (1..=LONGEST_NAME).contains(&name.chars().count())
            && value.chars().count() <= LONGEST_VALUE;
        if !fits {
            return Err(bad_request(
                "InvalidTag",
                "The TagKey or the TagValue you have provided is invalid",
            ));
        }
        if tags.insert(name, value).is_some() {
            return Err(bad_request(
                "InvalidTag",
                "Cannot provide multiple Tags with the same key",
            ));
        }
    }
    if tags.len() > MOST {
        return Err(bad_request(
            "BadRequest",
            "Object tags cannot be greater than 10",
        ));
    }
    Ok(tags)
}

/// The stored tags. A damaged file counts as no tags.
pub(super) fn load(directory: &Path) -> io::Result<Vec<Record>> {
    fs::create_dir_all(directory)?;
    let mut records = Vec::new();
    for entry in fs::read_dir(directory)? {
        let text = fs::read(entry?.path())?;
        records.extend(serde_json::from_slice(&text).ok());
    }
    Ok(records)
}
