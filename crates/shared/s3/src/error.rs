//! The failures of requests to S3, from our client and from the SDK, and the error that each
//! becomes.

use std::error::Error as StdError;
use std::fmt::Write as _;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use slipway_core::Error;

use crate::denial::{Refused, is_denial};

/// S3's code for a bucket that does not exist.
pub(crate) const NO_BUCKET: &str = "NoSuchBucket";

/// Why a request has no usable response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// S3 responded with an error.
    Refused {
        status: u16,
        code: Option<String>,
        request: Option<String>,
    },
    /// The connection could not be opened, or it broke.
    Broken(String),
    /// There was no response before the time limit.
    Timeout,
    /// The request could not be built or signed, so it was not sent.
    Unsent(String),
}

/// What an error response says about the same request at a later time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It may succeed a moment later, so it is repeated.
    Retry,
    /// It may succeed later. Repeating it at once would not help.
    Later,
    /// It will fail again.
    Permanent,
}

/// The table of S3's errors: every status and code with a meaning of its own.
pub(crate) fn outlook(status: u16, code: Option<&str>) -> Outlook {
    match (status, code) {
        (429 | 500 | 502..=504, _) | (_, Some("RequestTimeout")) => Outlook::Retry,
        // - 200: S3 sends it before a copy or a completion has ended, and the error in the body.
        // - 409 and the first two codes: another operation on the same key is in progress.
        // - `InvalidPart`: a part was replaced after it was listed.
        (200 | 409 | 500.., _)
        | (_, Some("OperationAborted" | "ConditionalRequestConflict" | "InvalidPart")) => {
            Outlook::Later
        }
        _ => Outlook::Permanent,
    }
}

impl Failure {
    /// A failure of the connection.
    pub(crate) fn broken(error: &(dyn StdError + 'static)) -> Self {
        Self::Broken(with_causes(error))
    }

    /// A failure of the SDK. Its own text is left out of refusals, because it ends with the ids of
    /// the request.
    pub(crate) fn of_sdk<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match error {
            SdkError::TimeoutError(_) => Self::Timeout,
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                Self::Refused {
                    status: service.raw().status().as_u16(),
                    code: meta.code().map(str::to_owned),
                    request: meta.request_id().map(str::to_owned),
                }
            }
            SdkError::ConstructionFailure(_) => Self::Unsent(with_causes(error)),
            _ => Self::Broken(with_causes(error)),
        }
    }

    /// Whether the request is repeated.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                outlook(*status, code.as_deref()) == Outlook::Retry
            }
            Self::Broken(_) | Self::Timeout => true,
            Self::Unsent(_) => false,
        }
    }

    /// The status of the response, if there is one.
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The code in the response, if it has one.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// This refusal with the code of another one, for the same object at the same time.
    ///
    /// The response to a HEAD has no body, so it has no code. The response to the GET that ran next
    /// to it has one.
    pub(crate) fn explained_by(self, other: &Self) -> Self {
        if self.code().is_none() && self.status().is_some() && self.status() == other.status() {
            return other.clone();
        }
        self
    }

    /// The error: `timeout` and `unavailable` if the request may succeed later, else `internal`. A
    /// 403 is always `internal` and never means "missing", although S3 sends it for missing objects
    /// without `s3:ListBucket`.
    ///
    /// The cause has the same text for every failure of a kind. S3's request id is a field of its
    /// own.
    pub(crate) fn into_error(self, step: &'static str, bucket: &str) -> Error {
        match self {
            Self::Timeout => Error::timeout(step),
            Self::Broken(cause) => Error::unavailable(step, cause),
            // Only missing or expired credentials keep one of our requests from being sent.
            Self::Unsent(text) => {
                let denied = true;
                Error::internal(step, Refused { text, denied })
            }
            Self::Refused {
                status,
                code,
                request,
            } => {
                let code = code.as_deref();
                let refused = Refused {
                    text: refusal(status, code, bucket),
                    denied: is_denial(status, code),
                };
                let error = match outlook(status, code) {
                    Outlook::Retry | Outlook::Later => Error::unavailable(step, refused),
                    Outlook::Permanent => Error::internal(step, refused),
                };
                error.of_s3_request(request)
            }
        }
    }
}

/// The text for a refusal. It has nothing that differs between two requests.
fn refusal(status: u16, code: Option<&str>, bucket: &str) -> String {
    match code {
        Some(NO_BUCKET) => {
            format!("S3 answered {status} {NO_BUCKET}: there is no bucket {bucket}")
        }
        code => format!("S3 answered {status} {}", code.unwrap_or("no code")),
    }
}

/// The error and its causes in one line. None of them contains the URL or a response.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(line, ": {cause}");
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_outlook() {
        for (status, code, expected) in [
            (503, Some("SlowDown"), Outlook::Retry),
            (500, None, Outlook::Retry),
            (429, None, Outlook::Retry),
            (400, Some("RequestTimeout"), Outlook::Retry),
            (501, Some("NotImplemented"), Outlook::Later),
            (507, None, Outlook::Later),
            (200, Some("InternalError"), Outlook::Later),
            (409, Some("OperationAborted"), Outlook::Later),
            (409, None, Outlook::Later),
            (400, Some("InvalidPart"), Outlook::Later),
            (400, Some("InvalidArgument"), Outlook::Permanent),
            (403, Some("AccessDenied"), Outlook::Permanent),
            (404, Some("NoSuchBucket"), Outlook::Permanent),
            (412, Some("PreconditionFailed"), Outlook::Permanent),
        ] {
            assert_eq!(outlook(status, code), expected, "{status} {code:?}");
        }
    }
}
