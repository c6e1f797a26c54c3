//! What a failure of the SDK means to us.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use slipway_core::Error;

use crate::denial::{Refused, is_denial};
use crate::error::{passes, refusal, words};

/// The status of S3's answer, if there was one.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// The same as [`crate::error::Failure::into_error`], of the SDK's failures.
pub(crate) fn fault<E>(what: &'static str, error: SdkError<E, HttpResponse>, bucket: &str) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = status(&error);
    match &error {
        SdkError::TimeoutError(_) => Error::timeout(what),
        // Not the SDK's own words, which end in the ids of the request.
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            let words = refusal(status.unwrap_or_default(), meta.code(), bucket);
            let may_pass = meta.code().is_some_and(passes)
                || status.is_none_or(|status| status >= 500 || status == 429);
            let denied = is_denial(status.unwrap_or_default(), meta.code());
            let cause = Refused { words, denied };
            let refused = if may_pass {
                Error::unavailable(what, cause)
            } else {
                Error::internal(what, cause)
            };
            refused.of_s3_request(meta.request_id().map(str::to_owned))
        }
        SdkError::ConstructionFailure(_) => {
            Error::internal(what, DisplayErrorContext(error).to_string())
        }
        _ => Error::unavailable(what, words(&error)),
    }
}
