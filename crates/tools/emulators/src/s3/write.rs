//! `PutObject` and the deletes.

use http::{HeaderMap, header};
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    PutObjectInput, PutObjectOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};
pub(super) use slipway_core::hex;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::access::Access;
use super::checksum::{Algorithm, Hasher, show_checksum};
use super::event::EventName;
use super::fault::{disk, refuse};
use super::object::{Description, Object, description};
use super::receive::BodyClaims;
use super::sealed::Draft;
use super::store::{Conditions, Store};
use super::tags;

/// The limit of an object's user metadata.
const LARGEST_METADATA: usize = 2 * 1024;
/// The limit of keys in one `DeleteObjects`.
const MOST_DELETES: usize = 1000;
const CHUNK: usize = 1024 * 1024;

/// `PutObject`.
pub(super) async fn put(
    store: &Store,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let mut input = request.input;
    let announced = BodyClaims::read(
        input.content_length,
        input.content_md5.as_deref(),
        &request.headers,
        request.trailing_headers,
    )?;
    let described = description!(input);
    check_metadata(&described)?;
    let received = announced.receive(store.draft()?, input.body.take()).await?;
    let tags = tags::of_header(input.tagging.as_deref())?;
    let object = Object {
        tags,
        key: input.key,
        size: received.draft.size,
        etag: hex(&received.md5),
        modified: store.now(),
        checksum: Some(received.checksum),
        described,
    };
    let sealed = received.draft.seal(&object).await.map_err(disk)?;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let object = store.put(object, sealed, &conditions, EventName::Put)?;
    let mut output = PutObjectOutput {
        e_tag: Some(object.etag()),
        ..PutObjectOutput::default()
    };
    output.checksum_type = object.checksum.as_ref().map(super::checksum::Sum::kind);
    show_checksum!(output, &object.checksum);
    Ok(S3Response::new(output))
}

/// `DeleteObject`.
pub(super) fn delete(
    store: &Store,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    store.delete(&request.input.key, request.input.if_match)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

/// `DeleteObjects`.
///
/// As on S3, the permission is checked for each object, and a refusal is part of the response.
pub(super) fn delete_many(
    store: &Store,
    access: &Access,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    require_digest(&request.headers)?;
    let delete = request.input.delete;
    if delete.objects.is_empty() || delete.objects.len() > MOST_DELETES {
        return Err(refuse(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let mut output = DeleteObjectsOutput::default();
    for named in delete.objects {
        let object = store.find(&named.key);
        let allowed = access.check(
            "s3:DeleteObject",
            &request.extensions,
            &named.key,
            object.as_deref(),
        );
        match allowed.and_then(|()| store.delete(&named.key, None)) {
            Ok(()) if delete.quiet.unwrap_or_default() => {}
            Ok(()) => {
                let key = Some(named.key);
                let deleted = DeletedObject {
                    key,
                    ..DeletedObject::default()
                };
                output.deleted.get_or_insert_default().push(deleted);
            }
            Err(error) => output.errors.get_or_insert_default().push(s3s::dto::Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(named.key),
                message: error.message().map(str::to_owned),
                ..s3s::dto::Error::default()
            }),
        }
    }
    Ok(S3Response::new(output))
}

/// S3 requires a digest of the list of keys.
fn require_digest(headers: &HeaderMap) -> S3Result<()> {
    let checksum = |name: &header::HeaderName| name.as_str().starts_with("x-amz-checksum-");
    if headers.contains_key("content-md5")
        || headers.keys().any(checksum)
        || headers.contains_key("x-amz-trailer")
    {
        return Ok(());
    }
    Err(refuse(
        S3ErrorCode::InvalidRequest,
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
    ))
}

pub(super) fn check_metadata(described: &Description) -> S3Result<()> {
    let size: usize = described
        .metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > LARGEST_METADATA {
        return Err(refuse(
            S3ErrorCode::MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size",
        ));
    }
    Ok(())
}

/// The digests of bytes that are copied from one file to another.
pub(super) struct Digest {
    md5: Md5,
    hasher: Hasher,
}

impl Digest {
    /// Without an algorithm, S3's default.
    pub(super) fn new(algorithm: Option<Algorithm>) -> Self {
        let hasher = Hasher::new(algorithm.unwrap_or(Algorithm::Crc64Nvme));
        Self {
            md5: Md5::new(),
            hasher,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.hasher.update(bytes);
    }

    /// The MD5 in hexadecimal, and the checksum.
    pub(super) fn finish(self) -> (String, super::checksum::Sum) {
        (hex(&self.md5.finalize()), self.hasher.finish())
    }
}

/// Appends the bytes of `source` to a draft, and passes them to `digest`.
pub(super) async fn append(
    draft: &mut Draft,
    mut source: impl AsyncRead + Unpin,
    mut digest: impl FnMut(&[u8]),
) -> S3Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = source.read(&mut buffer).await.map_err(disk)?;
        if read == 0 {
            return Ok(());
        }
        digest(&buffer[..read]);
        draft.write(&buffer[..read]).await.map_err(disk)?;
    }
}
