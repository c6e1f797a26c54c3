//! What a failure of the SDK means to us.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use slipway_core::Error;

use crate::denial::{Refused, is_denial};
use crate::error::{passes, words};

/// The status of S3's answer, if there was one.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// The same as [`crate::error::Failure::into_error`], of the SDK's failures.
pub(crate) fn fault<E>(what: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = status(&error);
    match &error {
        SdkError::ServiceError(service) if service.err().meta().code().is_some_and(passes) => {
            Error::unavailable(what, words(&error))
        }
        SdkError::TimeoutError(_) => Error::timeout(what),
        SdkError::ServiceError(service)
            if status.is_some_and(|status| status < 500 && status != 429) =>
        {
            let meta = service.err().meta();
            let code = meta.code().unwrap_or("no code");
            let request = meta.request_id().unwrap_or("none");
            let status = status.unwrap_or_default();
            let words = format!("S3 answered {status} {code}, request {request}");
            let denied = is_denial(status, meta.code());
            Error::internal(what, Refused { words, denied })
        }
        SdkError::ConstructionFailure(_) => {
            Error::internal(what, DisplayErrorContext(error).to_string())
        }
        _ => Error::unavailable(what, words(&error)),
    }
}
