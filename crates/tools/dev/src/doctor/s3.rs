//! S3's refusals in plain words.

use super::fault::{self, Fault};
use super::http::Answer;

/// S3's error code, or the status where it gave none (a HEAD, a proxy).
pub(crate) fn code(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let code = text
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"));
    match code {
        Some((code, _)) => format!("{} {code}", answer.status.as_u16()),
        None => answer.status.as_u16().to_string(),
    }
}

/// Which fault a refusal is.
pub(crate) fn fault(answer: &Answer) -> (Fault, String) {
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
            "S3 does not know the access key that signed",
        ),
        "SignatureDoesNotMatch" => (
            fault::S3_CREDENTIALS,
            "the secret key does not fit the access key",
        ),
        "InvalidToken" | "InvalidSecurity" => (
            fault::S3_CREDENTIALS,
            "the session token does not fit the access key",
        ),
        "ExpiredToken" | "TokenRefreshRequired" => {
            (fault::S3_EXPIRED, "the session that signed has ended")
        }
        "AccessDenied" if text.contains("Request has expired") => {
            (fault::S3_EXPIRED, "the URL was not valid any more")
        }
        "RequestTimeTooSkewed" | "RequestExpired" => {
            (fault::CLOCK, "the clock of the function that signed is off")
        }
        "AccessDenied" if text.contains("not valid yet") => (
            fault::CLOCK,
            "the clock of the function that signed is ahead",
        ),
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
        _ if name.starts_with("KMS.") || text.contains("kms:") => {
            (fault::S3_KMS, "the bucket's key may not be used")
        }
        "AccessDenied" | "AllAccessDisabled" | "403" => (
            fault::S3_DENIED,
            "the signature is right, but a policy does not allow it",
        ),
        _ => (fault::S3_REFUSES, "S3 refuses it"),
    };
    (fault, format!("{why} (S3: {code})"))
}
