//! Stores a request's body on disk, and verifies everything that the request claims about it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use http::{HeaderMap, header};
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders};

use super::checksum::{Algorithm, Claim, Hasher, Sum, well_formed};
use super::fault::{bad_request, disk, refuse};
use super::sealed::Draft;

/// The limit of one PUT, and of one copy.
pub(super) const LARGEST: i64 = 5 * 1024 * 1024 * 1024;

/// The claims of a request about its body.
pub(super) struct BodyClaims {
    length: u64,
    md5: Option<Vec<u8>>,
    pub(super) claim: Claim,
    trailers: Option<TrailingHeaders>,
}

/// A verified body.
pub(super) struct Received {
    pub(super) draft: Draft,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Sum,
}

impl BodyClaims {
    pub(super) fn read(
        length: Option<i64>,
        md5: Option<&str>,
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<Self> {
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return Err(refuse(
                S3ErrorCode::NotImplemented,
                "A header you provided implies functionality that is not implemented",
            ));
        }
        let length = length.ok_or_else(|| {
            refuse(
                S3ErrorCode::MissingContentLength,
                "You must provide the Content-Length HTTP header.",
            )
        })?;
        if length > LARGEST {
            return Err(refuse(
                S3ErrorCode::EntityTooLarge,
                "Your proposed upload exceeds the maximum allowed size",
            ));
        }
        let invalid = || {
            refuse(
                S3ErrorCode::InvalidDigest,
                "The Content-MD5 you specified is not valid.",
            )
        };
        let md5 = match md5.map(|text| STANDARD.decode(text)) {
            None => None,
            Some(Ok(bytes)) if bytes.len() == 16 => Some(bytes),
            Some(_) => return Err(invalid()),
        };
        Ok(Self {
            length: u64::try_from(length).unwrap_or_default(),
            md5,
            claim: Claim::read(headers)?,
            trailers,
        })
    }

    /// Streams the body into `draft`, and verifies it.
    pub(super) async fn receive(
        self,
        mut draft: Draft,
        body: Option<StreamingBlob>,
    ) -> S3Result<Received> {
        // Without a checksum in the request, S3 computes a CRC-64.
        let algorithm = self.claim.algorithm().unwrap_or(Algorithm::Crc64Nvme);
        let mut hasher = Hasher::new(algorithm);
        let mut md5 = Md5::new();
        if let Some(mut body) = body {
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|error| broken(&error))?;
                md5.update(&chunk);
                hasher.update(&chunk);
                draft.write(&chunk).await.map_err(disk)?;
            }
        }
        if draft.size != self.length {
            return Err(incomplete());
        }
        let md5 = md5.finalize();
        if self.md5.is_some_and(|claimed| claimed != md5) {
            return Err(refuse(
                S3ErrorCode::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        let checksum = hasher.finish();
        if let Some(claimed) = claimed(&self.claim, self.trailers.as_ref())? {
            verify(&checksum, &claimed)?;
        }
        Ok(Received {
            draft,
            md5,
            checksum,
        })
    }
}

/// The checksum's value, which may be in a trailer.
fn claimed(claim: &Claim, trailers: Option<&TrailingHeaders>) -> S3Result<Option<String>> {
    match claim {
        Claim::None => Ok(None),
        Claim::Header(_, value) => Ok(Some(value.clone())),
        Claim::Trailer(algorithm) => {
            let value = trailers
                .and_then(TrailingHeaders::take)
                .and_then(|trailers| {
                    trailers
                        .get(algorithm.header())?
                        .to_str()
                        .map(str::to_owned)
                        .ok()
                });
            let value = value.ok_or_else(|| {
                bad_request(
                    "MalformedTrailerError",
                    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
                )
            })?;
            well_formed(*algorithm, &value)?;
            Ok(Some(value))
        }
    }
}

/// Compares the computed values with the claimed ones.
pub(super) fn verify(computed: &Sum, claimed: &str) -> S3Result<()> {
    if computed.value == claimed {
        return Ok(());
    }
    let name = computed.algorithm.name();
    let message = format!("The {name} you specified did not match the calculated checksum.");
    Err(S3Error::with_message(S3ErrorCode::BadDigest, message))
}

/// Why a body ended early. `s3s` does not export its error types, so the text is compared.
fn broken(error: &StdError) -> S3Error {
    let words = error.to_string();
    if words.contains("Sha256Mismatch") {
        return bad_request(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
    }
    if words.contains("SignatureMismatch") {
        return refuse(
            S3ErrorCode::SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided.",
        );
    }
    incomplete()
}

fn incomplete() -> S3Error {
    refuse(
        S3ErrorCode::IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}
