//! Multipart uploads: begin, add a part, abort. `complete` and `pages` do the rest.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use uuid::Uuid;

use super::checksum::{Algorithm, show_checksum};
use super::fault::{disk, refuse};
use super::object::{Moment, description};
use super::receive::BodyClaims;
use super::store::Store;
use super::tags;
use super::uploads::{About, Part};
use super::write::{check_metadata, hex};

const LAST_PART: i32 = 10_000;

/// `CreateMultipartUpload`.
pub(super) fn create(
    store: &Store,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let mut input = request.input;
    let algorithm = input
        .checksum_algorithm
        .as_ref()
        .map(Algorithm::parse)
        .transpose()?;
    let composite = is_composite(algorithm, input.checksum_type.as_ref())?;
    let described = description!(input);
    check_metadata(&described)?;
    let about = About {
        // Ids grow with time, which the order of a listing requires.
        id: Uuid::now_v7().simple().to_string(),
        key: input.key,
        initiated: Moment::now(),
        algorithm,
        composite,
        described,
        tags: tags::of_header(input.tagging.as_deref())?,
    };
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(about.key.clone()),
        upload_id: Some(about.id.clone()),
        checksum_algorithm: algorithm
            .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: algorithm.map(|_| checksum_type(composite)),
        ..CreateMultipartUploadOutput::default()
    };
    store.begin_upload(about)?;
    Ok(S3Response::new(output))
}

/// The type of the object's checksum, if S3 can compute it from parts.
fn is_composite(algorithm: Option<Algorithm>, asked: Option<&ChecksumType>) -> S3Result<bool> {
    let asked = asked.map(|kind| kind.as_str() == ChecksumType::COMPOSITE);
    match (algorithm, asked) {
        (Some(Algorithm::Sha1 | Algorithm::Sha256), Some(false))
        | (Some(Algorithm::Crc64Nvme), Some(true))
        | (None, Some(_)) => Err(refuse(
            S3ErrorCode::InvalidRequest,
            "The checksum type cannot be used with the checksum algorithm.",
        )),
        (None | Some(Algorithm::Crc64Nvme), _) => Ok(false),
        (Some(_), asked) => Ok(asked.unwrap_or(true)),
    }
}

pub(super) fn checksum_type(composite: bool) -> ChecksumType {
    ChecksumType::from_static(if composite {
        ChecksumType::COMPOSITE
    } else {
        ChecksumType::FULL_OBJECT
    })
}

/// `UploadPart`.
pub(super) async fn upload_part(
    store: &Store,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let mut input = request.input;
    if !(1..=LAST_PART).contains(&input.part_number) {
        return Err(refuse(
            S3ErrorCode::InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive",
        ));
    }
    let about = store
        .state()
        .upload(&input.key, &input.upload_id)?
        .about
        .clone();
    let announced = BodyClaims::read(
        input.content_length,
        input.content_md5.as_deref(),
        &request.headers,
        request.trailing_headers,
    )?;
    expect_algorithm(&about, announced.claim.algorithm())?;
    let received = announced.receive(store.draft()?, input.body.take()).await?;
    let part = Part {
        number: input.part_number,
        size: received.draft.size,
        etag: hex(&received.md5),
        modified: Moment::now(),
        // A checksum that S3 chose by itself is not a checksum of the part.
        checksum: about
            .algorithm
            .map(|_| received.checksum)
            .filter(|sum| Some(sum.algorithm) == about.algorithm),
    };
    let sealed = received.draft.seal(&part).await.map_err(disk)?;
    let mut output = UploadPartOutput {
        e_tag: Some(s3s::dto::ETag::Strong(part.etag.clone())),
        ..UploadPartOutput::default()
    };
    show_checksum!(output, &part.checksum);
    store.put_part(&input.key, &input.upload_id, part, sealed)?;
    Ok(S3Response::new(output))
}

/// A part has the checksum algorithm of its upload. S3 refuses any other, for example that of an
/// SDK with default settings.
fn expect_algorithm(about: &About, given: Option<Algorithm>) -> S3Result<()> {
    let optional = !about.composite && given.is_none();
    if about.algorithm == given || optional {
        return Ok(());
    }
    let name = |algorithm: Option<Algorithm>| {
        algorithm.map_or_else(
            || "null".to_owned(),
            |algorithm| algorithm.name().to_ascii_lowercase(),
        )
    };
    let message = format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        name(about.algorithm),
        name(given),
    );
    Err(S3Error::with_message(S3ErrorCode::InvalidRequest, message))
}

/// `AbortMultipartUpload`.
pub(super) fn abort(
    store: &Store,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    let mut state = store.state();
    store.end_upload(&mut state, &input.key, &input.upload_id)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}
