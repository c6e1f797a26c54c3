//! Whether S3 refused the credentials, or what they may do.
//!
//! Such an error says nothing about the object: every other request will fail as well until a
//! person or a new session helps. Maintenance stops at such an error. It continues after an error
//! that concerns one object.

use std::error::Error as StdError;
use std::fmt;

use slipway_core::Error;

/// S3's codes with a status other than 401 and 403 that mean the credentials, or the key that
/// encrypts the bucket.
const CODES: [&str; 7] = [
    "AuthorizationHeaderMalformed",
    "CredentialsNotSupported",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidToken",
    "RequestExpired",
    "TokenRefreshRequired",
];

/// A refusal of S3, as the cause of an [`Error`].
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) text: String,
    pub(crate) denied: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Refused {}

/// Whether a refusal with this status and code is one of the credentials.
///
/// The answer to a HEAD has no body and so no code. A 400 is then taken for an expired session, the
/// only common reason.
pub(crate) fn is_denial(status: u16, code: Option<&str>) -> bool {
    match (status, code) {
        (401 | 403, Some(code)) => code != "InvalidObjectState",
        (400 | 401 | 403, None) => true,
        (_, Some(code)) => CODES.contains(&code) || code.starts_with("KMS."),
        (_, None) => false,
    }
}

/// Whether S3 refused the credentials or what they may do, and not this one request.
#[must_use]
pub fn denied(error: &Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return refused.denied;
        }
        next = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_denial;

    #[test]
    fn credentials_are_told_from_faults_of_one_request() {
        for (status, code, expected) in [
            (400, Some("ExpiredToken"), true),
            (400, Some("KMS.DisabledException"), true),
            (400, Some("InvalidArgument"), false),
            (400, None, true),
            (401, None, true),
            (403, None, true),
            (403, Some("AccessDenied"), true),
            (403, Some("InvalidAccessKeyId"), true),
            (403, Some("RequestTimeTooSkewed"), true),
            (403, Some("SignatureDoesNotMatch"), true),
            (403, Some("InvalidObjectState"), false),
            (404, Some("NoSuchBucket"), false),
            (409, Some("OperationAborted"), false),
            (500, Some("InternalError"), false),
            (503, None, false),
        ] {
            assert_eq!(is_denial(status, code), expected, "{status} {code:?}");
        }
    }
}
