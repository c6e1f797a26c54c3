//! Why S3 did not do as it was asked, and what that means to us.

use std::fmt::Write as _;

use slipway_core::Error;

use crate::denial::{Refused, is_denial};

/// S3's code for a bucket that does not exist.
pub(crate) const NO_BUCKET: &str = "NoSuchBucket";

/// Why there is no answer to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// S3 says no.
    Refused {
        status: u16,
        code: Option<String>,
        request: Option<String>,
    },
    /// The connection never stood, or broke.
    Broken(String),
    /// Nothing came in time.
    Timeout,
    /// It makes no request.
    Unsent(String),
}

impl Failure {
    /// Of whatever the connection says.
    pub(crate) fn broken(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Broken(words(error))
    }

    /// Whether the same request may do better a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, code, .. } => {
                matches!(status, 429 | 500 | 502 | 503 | 504)
                    || code.as_deref() == Some("RequestTimeout")
            }
            Self::Broken(_) | Self::Timeout => true,
            Self::Unsent(_) => false,
        }
    }

    /// The status of S3's refusal, if it is one.
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// S3's word for it.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// S3's id of the request.
    fn request(&self) -> Option<&str> {
        match self {
            Self::Refused { request, .. } => request.as_deref(),
            _ => None,
        }
    }

    /// This refusal, explained by that of another request for the same object at the same time.
    ///
    /// The answer to a HEAD has no body, so S3's code for it is unknown. The GET that ran next to it has one.
    pub(crate) fn explained_by(self, other: &Self) -> Self {
        if self.code().is_none() && self.status().is_some() && self.status() == other.status() {
            return other.clone();
        }
        self
    }

    /// `timeout` and `unavailable` for what may pass, `internal` for what will not: above all 403, which is
    /// never taken for "missing" (without `s3:ListBucket` S3 answers it for a missing object).
    ///
    /// The cause is the same text for every failure of a kind. S3's request id is a field of its own.
    pub(crate) fn into_error(self, what: &'static str, bucket: &str) -> Error {
        let request = self.request().map(str::to_owned);
        self.classified(what, bucket).of_s3_request(request)
    }

    fn classified(self, what: &'static str, bucket: &str) -> Error {
        let words = match self {
            Self::Timeout => return Error::timeout(what),
            Self::Broken(words) => return Error::unavailable(what, words),
            // Nothing but the credentials, or their absence, keeps a request of ours from being sent.
            Self::Unsent(words) => {
                let denied = true;
                return Error::internal(what, Refused { words, denied });
            }
            Self::Refused {
                status, ref code, ..
            } => refusal(status, code.as_deref(), bucket),
        };
        let denied = self
            .status()
            .is_some_and(|status| is_denial(status, self.code()));
        let refused = Refused { words, denied };
        let passes = self.may_pass()
            || self.code().is_some_and(passes)
            || self.status().is_some_and(|status| status >= 500);
        if passes {
            Error::unavailable(what, refused)
        } else {
            Error::internal(what, refused)
        }
    }
}

/// The words for a refusal, without anything that differs from one request to the next.
pub(crate) fn refusal(status: u16, code: Option<&str>, bucket: &str) -> String {
    match code {
        Some(NO_BUCKET) => {
            format!("S3 answered {status} {NO_BUCKET}: there is no bucket {bucket}")
        }
        code => format!("S3 answered {status} {}", code.unwrap_or("no code")),
    }
}

/// What S3 says with a 4xx though the same request may do better a moment later: it lost the body on its way, or
/// something else was being done to the same key.
pub(crate) fn passes(code: &str) -> bool {
    matches!(
        code,
        "RequestTimeout" | "OperationAborted" | "ConditionalRequestConflict"
    )
}

/// The error and its causes, in a line. None of them names the address, nor prints an answer.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(line, ": {cause}");
        source = cause.source();
    }
    line
}
