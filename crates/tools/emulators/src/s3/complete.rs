//! `CompleteMultipartUpload`: makes an object of the parts, or refuses precisely.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use tokio::io::AsyncReadExt as _;

use super::checksum::{Algorithm, Claim, Hasher, Sum, show_checksum};
use super::event::EventName;
use super::fault::{disk, refuse};
use super::multipart::checksum_type;
use super::object::Object;
use super::receive::verify;
use super::store::{Conditions, Store};
use super::uploads::{About, Part};
use super::write::{append, hex};

/// The smallest size of a part except the last.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

/// `CompleteMultipartUpload`.
pub(super) async fn complete(
    store: &Store,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let input = request.input;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let listed = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let (about, parts) = {
        let mut state = store.state();
        conditions.check(state.objects.get(&input.key).map(|object| &**object))?;
        let upload = state.upload(&input.key, &input.upload_id)?;
        (upload.about.clone(), choose(upload, &listed)?)
    };
    let claim = Claim::read(&request.headers)?;
    let kind = checksum_type(about.composite);
    if input
        .checksum_type
        .is_some_and(|claimed| claimed.as_str() != kind.as_str())
    {
        return Err(refuse(
            S3ErrorCode::BadDigest,
            "The x-amz-checksum-type you specified is not that of the upload.",
        ));
    }
    let size: u64 = parts.iter().map(|part| part.size).sum();
    if input
        .mpu_object_size
        .is_some_and(|claimed| u64::try_from(claimed) != Ok(size))
    {
        return Err(refuse(
            S3ErrorCode::InvalidRequest,
            "The provided 'x-amz-mp-object-size' header does not match what was computed.",
        ));
    }
    let assembled = assemble(store, &about, &parts).await;
    // Parts that vanish during the copy mean that the upload was completed or aborted.
    store.state().upload(&input.key, &about.id)?;
    let (draft, whole) = assembled?;
    let checksum = if about.composite {
        composite(&parts)
    } else {
        Some(whole)
    };
    // A checksum must be of the upload's own algorithm; others are ignored.
    if let (Claim::Header(algorithm, claimed), Some(sum)) = (&claim, &checksum)
        && *algorithm == sum.algorithm
    {
        let digits = sum.value.split('-').next().unwrap_or_default().to_owned();
        verify(
            &Sum {
                value: digits,
                ..sum.clone()
            },
            claimed,
        )?;
    }
    let object = Object {
        tags: about.tags,
        key: input.key,
        size,
        etag: etag(&parts),
        // S3 dates the object from the beginning of its upload.
        modified: about.initiated,
        checksum,
        described: about.described,
    };
    let sealed = draft.seal(&object).await.map_err(disk)?;
    let object = {
        let mut state = store.state();
        // Another request may have completed or aborted the upload meanwhile.
        state.upload(&object.key, &about.id)?;
        let name = EventName::CompleteMultipartUpload;
        let object = store.put_locked(&mut state, object, sealed, &conditions, name)?;
        store.end_upload(&mut state, &object.key, &about.id)?;
        object
    };
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!(
            "/{}/{}",
            input.bucket,
            super::list::url_encode(&object.key)
        )),
        bucket: Some(input.bucket),
        key: Some(object.key.clone()),
        e_tag: Some(object.etag()),
        checksum_type: object.checksum.as_ref().map(Sum::kind),
        ..CompleteMultipartUploadOutput::default()
    };
    show_checksum!(output, &object.checksum);
    Ok(S3Response::new(output))
}

/// The parts that the request lists, if they exist and may be combined.
fn choose(upload: &super::uploads::Upload, listed: &[CompletedPart]) -> S3Result<Vec<Part>> {
    if listed.is_empty() {
        return Err(refuse(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let ascending = listed
        .windows(2)
        .all(|pair| pair[0].part_number < pair[1].part_number);
    if !ascending {
        return Err(refuse(
            S3ErrorCode::InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ));
    }
    let parts = listed.iter().map(|wanted| {
        let number = wanted.part_number.unwrap_or_default();
        let part = upload.parts.get(&number);
        let etag = wanted.e_tag.as_ref().map(s3s::dto::ETag::value);
        let part = part
            .filter(|part| etag == Some(part.etag.as_str()))
            .ok_or_else(invalid_part)?;
        check_part_sum(&upload.about, part, wanted)?;
        Ok(part.clone())
    });
    let parts = parts.collect::<S3Result<Vec<_>>>()?;
    let whole = parts
        .split_last()
        .is_none_or(|(_, rest)| rest.iter().all(|part| part.size >= SMALLEST_PART));
    if whole {
        return Ok(parts);
    }
    Err(refuse(
        S3ErrorCode::EntityTooSmall,
        "Your proposed upload is smaller than the minimum allowed size",
    ))
}

/// A composite checksum is computed from the parts' checksums, and S3 requires each of them again.
fn check_part_sum(about: &About, part: &Part, wanted: &CompletedPart) -> S3Result<()> {
    let Some(algorithm) = about.algorithm else {
        return Ok(());
    };
    let given = match algorithm {
        Algorithm::Crc32 => &wanted.checksum_crc32,
        Algorithm::Crc32c => &wanted.checksum_crc32c,
        Algorithm::Crc64Nvme => &wanted.checksum_crc64nvme,
        Algorithm::Sha1 => &wanted.checksum_sha1,
        Algorithm::Sha256 => &wanted.checksum_sha256,
    };
    match (given, &part.checksum) {
        (Some(given), Some(sum)) if *given != sum.value => Err(invalid_part()),
        (None, _) if about.composite => {
            let message = format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
                algorithm.name().to_ascii_lowercase(),
                part.number,
            );
            Err(S3Error::with_message(S3ErrorCode::InvalidRequest, message))
        }
        _ => Ok(()),
    }
}

fn invalid_part() -> S3Error {
    refuse(
        S3ErrorCode::InvalidPart,
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    )
}

/// Concatenates the parts, and computes the checksum.
///
/// The ETag follows from those of the parts. MD5 takes most of the time that hashing takes, so it
/// is not computed again.
async fn assemble(
    store: &Store,
    about: &About,
    parts: &[Part],
) -> S3Result<(super::sealed::Draft, Sum)> {
    let mut draft = store.draft()?;
    let mut hasher = Hasher::new(about.algorithm.unwrap_or(Algorithm::Crc64Nvme));
    for part in parts {
        // It may have been replaced or deleted since it was chosen.
        let (found, file) = store
            .read_part(&about.id, part.number)
            .map_err(|_| invalid_part())?;
        if found.etag != part.etag {
            return Err(invalid_part());
        }
        append(
            &mut draft,
            tokio::fs::File::from_std(file).take(part.size),
            |bytes| hasher.update(bytes),
        )
        .await?;
    }
    Ok((draft, hasher.finish()))
}

/// The MD5 of the parts' MD5s, with their number.
fn etag(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        let digits = part.etag.as_bytes().chunks(2);
        let bytes =
            digits.filter_map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
        md5.update(&bytes.collect::<Vec<u8>>());
    }
    format!("{}-{}", hex(&md5.finalize()), parts.len())
}

/// The checksum of the parts' checksums, with their number.
fn composite(parts: &[Part]) -> Option<Sum> {
    let algorithm = parts.first()?.checksum.as_ref()?.algorithm;
    let mut hasher = Hasher::new(algorithm);
    for part in parts {
        hasher.update(&STANDARD.decode(&part.checksum.as_ref()?.value).ok()?);
    }
    let value = format!("{}-{}", hasher.finish().value, parts.len());
    Some(Sum {
        algorithm,
        value,
        composite: true,
    })
}
