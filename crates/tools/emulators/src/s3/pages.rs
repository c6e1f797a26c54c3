//! Lists of multipart uploads and of their parts, with pages.

use s3s::dto::{
    ChecksumAlgorithm, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput,
    ListPartsOutput, MultipartUpload, StorageClass,
};
use s3s::{S3Request, S3Response, S3Result};

use super::checksum::show_checksum;
use super::list::{page_size, url_encode};
use super::multipart::checksum_type;
use super::store::Store;
use super::uploads::{Part, Upload};

/// `ListParts`.
pub(super) fn list_parts(
    store: &Store,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let max = page_size(input.max_parts)?;
    let marker = input.part_number_marker.unwrap_or_default().max(0);
    let mut state = store.state();
    let upload = state.upload(&input.key, &input.upload_id)?;
    let mut rest = upload
        .parts
        .range(marker.saturating_add(1)..)
        .map(|(_, part)| part);
    let parts: Vec<_> = rest
        .by_ref()
        .take(usize::try_from(max).unwrap_or_default())
        .map(show_part)
        .collect();
    let algorithm = upload.about.algorithm;
    let output = ListPartsOutput {
        is_truncated: Some(rest.next().is_some()),
        next_part_number_marker: parts.last().map_or(Some(marker), |part| part.part_number),
        part_number_marker: Some(marker),
        parts: Some(parts),
        max_parts: Some(max),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        checksum_algorithm: algorithm
            .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: algorithm.map(|_| checksum_type(upload.about.composite)),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        ..ListPartsOutput::default()
    };
    Ok(S3Response::new(output))
}

fn show_part(part: &Part) -> s3s::dto::Part {
    let mut shown = s3s::dto::Part {
        part_number: Some(part.number),
        size: i64::try_from(part.size).ok(),
        e_tag: Some(s3s::dto::ETag::Strong(part.etag.clone())),
        last_modified: Some(part.modified.timestamp()),
        ..s3s::dto::Part::default()
    };
    show_checksum!(shown, &part.checksum);
    shown
}

/// `ListMultipartUploads`, without a delimiter.
pub(super) fn list_uploads(
    store: &Store,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    let max = page_size(input.max_uploads)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let encoded = input.encoding_type.is_some();
    let show = |text: &str| {
        if encoded {
            url_encode(text)
        } else {
            text.to_owned()
        }
    };
    let state = store.state();
    let listed = |(key, id): (&str, &str)| {
        let behind = match (
            input.key_marker.as_deref(),
            input.upload_id_marker.as_deref(),
        ) {
            (None, _) => true,
            (Some(marker), None) => key > marker,
            (Some(marker), Some(after)) => (key, id) > (marker, after),
        };
        behind && key.starts_with(&prefix)
    };
    let mut rest = state
        .uploads
        .values()
        .filter(|upload| listed((&upload.about.key, &upload.about.id)));
    let page: Vec<_> = rest
        .by_ref()
        .take(usize::try_from(max).unwrap_or_default())
        .collect();
    let more = rest.next().is_some();
    let last = page.last().filter(|_| more);
    let output = ListMultipartUploadsOutput {
        is_truncated: Some(more),
        next_key_marker: last.map(|upload| show(&upload.about.key)),
        next_upload_id_marker: last.map(|upload| upload.about.id.clone()),
        uploads: Some(
            page.iter()
                .map(|upload| show_upload(upload, show))
                .collect(),
        ),
        bucket: Some(input.bucket),
        prefix: input.prefix.as_deref().map(show),
        key_marker: input.key_marker.as_deref().map(show),
        upload_id_marker: input.upload_id_marker.clone(),
        max_uploads: Some(max),
        encoding_type: input.encoding_type,
        ..ListMultipartUploadsOutput::default()
    };
    Ok(S3Response::new(output))
}

fn show_upload(upload: &Upload, show: impl Fn(&str) -> String) -> MultipartUpload {
    MultipartUpload {
        key: Some(show(&upload.about.key)),
        upload_id: Some(upload.about.id.clone()),
        initiated: Some(upload.about.initiated.timestamp()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        ..MultipartUpload::default()
    }
}
