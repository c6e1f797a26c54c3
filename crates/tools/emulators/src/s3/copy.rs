//! `CopyObject` within the bucket.
//!
//! As on S3, a copy is one object with the MD5 of its bytes as `ETag`, also if its source was sent
//! in parts, and its checksum has the algorithm of the source. Encryption with a KMS key is not
//! emulated: there, each copy has another `ETag`.

use http::{HeaderMap, header};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETagCondition,
    MetadataDirective, TaggingDirective,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};
use tokio::io::AsyncReadExt as _;

use super::access::Access;
use super::checksum::{Algorithm, show_checksum};
use super::event::EventName;
use super::fault::{disk, precondition_failed, refuse};
use super::object::{Object, description};
use super::receive::LARGEST;
use super::store::{Conditions, Store};
use super::tags;
use super::write::{Digest, append, check_metadata};

/// `CopyObject`.
pub(super) async fn copy(
    store: &Store,
    access: &Access,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let mut input = request.input;
    let key = source_key(store, &input)?;
    let replaces = input.metadata_directive.as_ref();
    let replaces =
        replaces.is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    if key == input.key && !replaces && input.storage_class.is_none() {
        return Err(refuse(
            S3ErrorCode::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let found = store.read(&key);
    let tagged = found.as_ref().ok().map(|(source, _)| &**source);
    access.check("s3:GetObject", &request.extensions, &key, tagged)?;
    let (source, file) =
        found.map_err(|error| access.unless_missing(error, &request.extensions))?;
    let conditions = Conditions {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
    };
    // The source exists. A failed condition on it is always a 412.
    conditions
        .check(Some(&source))
        .map_err(|_| precondition_failed())?;
    source.described.check_readable()?;
    check_size(source.size)?;
    let mut described = description!(input);
    if !replaces {
        let storage_class = described.storage_class;
        described = source.described.clone();
        // The class is not metadata: without the header, a copy is `STANDARD`.
        described.storage_class = storage_class;
    }
    check_metadata(&described)?;
    let replaces = input.tagging_directive.as_ref();
    let replaces =
        replaces.is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
    let tags = if replaces {
        tags::of_header(input.tagging.as_deref())?
    } else {
        source.tags.clone()
    };
    if !replaces && !tags.is_empty() {
        for (action, key) in [
            ("s3:GetObjectTagging", &key),
            ("s3:PutObjectTagging", &input.key),
        ] {
            access.check(action, &request.extensions, key, Some(&source))?;
        }
    }
    let named = input.checksum_algorithm.as_ref();
    let named = named.map(Algorithm::parse).transpose()?;
    let of_source = source.checksum.as_ref().map(|sum| sum.algorithm);
    let mut draft = store.draft()?;
    let mut digest = Digest::new(named.or(of_source));
    append(
        &mut draft,
        tokio::fs::File::from_std(file).take(source.size),
        |bytes| digest.update(bytes),
    )
    .await?;
    let (etag, checksum) = digest.finish();
    let object = Object {
        tags,
        key: input.key,
        size: source.size,
        etag,
        modified: store.now(),
        checksum: Some(checksum),
        described,
    };
    let sealed = draft.seal(&object).await.map_err(disk)?;
    let conditions = on_target(&request.headers)?;
    let object = store.put(object, sealed, &conditions, EventName::Copy)?;
    let mut result = CopyObjectResult {
        e_tag: Some(object.etag()),
        last_modified: Some(object.modified.timestamp()),
        ..CopyObjectResult::default()
    };
    show_checksum!(result, &object.checksum);
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        ..CopyObjectOutput::default()
    }))
}

/// The key to copy from. There is one bucket.
fn source_key(store: &Store, input: &CopyObjectInput) -> S3Result<String> {
    let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "Only a bucket can be copied from",
        ));
    };
    if **bucket != *store.bucket {
        return Err(refuse(
            S3ErrorCode::NoSuchBucket,
            "The specified bucket does not exist",
        ));
    }
    Ok(key.to_string())
}

/// Larger objects are copied in parts.
fn check_size(size: u64) -> S3Result<()> {
    if i64::try_from(size).is_ok_and(|size| size <= LARGEST) {
        return Ok(());
    }
    Err(refuse(
        S3ErrorCode::InvalidRequest,
        "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120",
    ))
}

/// The conditions on the object that the copy replaces. `s3s` does not parse them yet.
fn on_target(headers: &HeaderMap) -> S3Result<Conditions> {
    let condition = |name| {
        let value = headers.get(name).map(header::HeaderValue::as_bytes);
        value.map(ETagCondition::parse_http_header).transpose()
    };
    let invalid = |_| refuse(S3ErrorCode::InvalidArgument, "The condition is not an ETag");
    Ok(Conditions {
        if_match: condition(header::IF_MATCH).map_err(invalid)?,
        if_none_match: condition(header::IF_NONE_MATCH).map_err(invalid)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_gibibytes_are_copied_and_no_more() {
        let limit = 5 * 1024 * 1024 * 1024;
        assert!(check_size(limit).is_ok());
        for size in [limit + 1, u64::MAX] {
            let error = check_size(size).expect_err("too large");
            assert_eq!(error.code().as_str(), "InvalidRequest");
        }
    }
}
