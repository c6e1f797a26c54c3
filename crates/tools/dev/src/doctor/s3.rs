//! Explains errors of S3.

use super::fault::{self, DoctorFault};
use super::http::HttpResponse;

/// S3's error code, or the status if there is none (HEAD, a proxy).
pub(crate) fn code(answer: &HttpResponse) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    match code {
        Some((code, _)) => format!("{} {code}", answer.status.as_u16()),
        None => answer.status.as_u16().to_string(),
    }
}

/// The fault behind an error.
pub(crate) fn fault(answer: &HttpResponse) -> (DoctorFault, String) {
    let code = code(answer);
    let text = String::from_utf8_lossy(&answer.body);
    let (_, name) = code.split_once(' ').unwrap_or(("", &code));
    let (fault, why) = match name {
        "NoSuchBucket" => (
            fault::S3_BUCKET_MISSING,
            "the bucket that the functions sign for does not exist",
        ),
        "InvalidAccessKeyId" => (
            fault::S3_CREDENTIALS,
            "S3 does not know the signing access key",
        ),
        "SignatureDoesNotMatch" => (
            fault::S3_CREDENTIALS,
            "the secret key does not match the access key",
        ),
        "InvalidToken" | "InvalidSecurity" => (
            fault::S3_CREDENTIALS,
            "the session token does not match the access key",
        ),
        "ExpiredToken" | "TokenRefreshRequired" => {
            (fault::S3_EXPIRED, "the signing session has expired")
        }
        "AccessDenied" if text.contains("Request has expired") => {
            (fault::S3_EXPIRED, "the URL had expired")
        }
        "RequestTimeTooSkewed" | "RequestExpired" => {
            (fault::CLOCK, "the clock of the signing function is wrong")
        }
        "AccessDenied" if text.contains("not valid yet") => {
            (fault::CLOCK, "the clock of the signing function is ahead")
        }
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "IllegalLocationConstraintException"
        | "301"
        | "307" => (fault::S3_REGION, "the bucket is in another region"),
        "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError"
            if text.contains("region") =>
        {
            (
                fault::S3_REGION,
                "the URL was signed for another region than the bucket's",
            )
        }
        _ if name.starts_with("KMS.") || text.contains("kms:") => (
            fault::S3_KMS,
            "the permission to use the bucket's key is missing",
        ),
        "AccessDenied" | "AllAccessDisabled" | "403" => (
            fault::S3_DENIED,
            "the signature is right, but a policy does not allow it",
        ),
        _ => (fault::S3_REFUSES, "S3 refuses it"),
    };
    (fault, format!("{why} (S3: {code})"))
}
