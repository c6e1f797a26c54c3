//! S3's responses to errors.

use std::io;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

/// A response with S3's code and message.
pub(super) fn refuse(code: S3ErrorCode, message: &'static str) -> S3Error {
    S3Error::with_message(code, message)
}

/// A 400 with a code that `s3s` does not define.
pub(super) fn bad_request(code: &'static str, message: &'static str) -> S3Error {
    let mut error = refuse(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(StatusCode::BAD_REQUEST);
    error
}

/// An error of the disk: a 500 without details.
#[expect(
    clippy::needless_pass_by_value,
    reason = "its signature is that of map_err"
)]
pub(super) fn disk(error: io::Error) -> S3Error {
    tracing::error!(%error, "the store's disk failed");
    refuse(
        S3ErrorCode::InternalError,
        "We encountered an internal error. Please try again.",
    )
}

/// The object does not exist.
pub(super) fn no_such_key() -> S3Error {
    refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
}

/// The multipart upload does not exist, or not any more.
pub(super) fn no_such_upload() -> S3Error {
    refuse(
        S3ErrorCode::NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    )
}

/// A condition of the request does not hold.
pub(super) fn precondition_failed() -> S3Error {
    refuse(
        S3ErrorCode::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold",
    )
}
