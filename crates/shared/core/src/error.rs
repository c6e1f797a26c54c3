//! The errors, each with a stable code. Only the HTTP edge maps a code to a status.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::{FileId, ObjectKey};

/// The stable, machine-readable name of a failure, as clients see it in `code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is malformed: not JSON, a wrong type, a value out of range.
    InvalidRequest,
    /// The object key is not one of ours.
    InvalidKey,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller is authenticated, but not allowed to do this.
    Forbidden,
    /// It does not exist, or it belongs to another user.
    NotFound,
    /// The bucket holds no object under the key (yet).
    UploadNotFound,
    /// S3 does not have all parts of a multipart upload (yet).
    PartsMissing,
    /// The bytes in S3 do not have the checksum that the client sent.
    ChecksumMismatch,
    /// The file was replaced, or renamed by another request, while this request ran.
    FileChanged,
    /// The file was deleted, and stays deleted.
    FileDeleted,
    /// The file is larger than this deployment accepts.
    FileTooLarge,
    /// The file does not fit into the caller's quota.
    QuotaExceeded,
    /// The file is too large for one PUT; use a multipart upload.
    UseMultipart,
    /// The request body is larger than any valid one, or the response would exceed Lambda's limit.
    RequestTooLarge,
    /// This deployment does not accept the content type.
    TypeNotAllowed,
    /// The caller has the most open multipart uploads that one user may have.
    TooManyUploads,
    /// A bug, or a configuration that cannot work.
    Internal,
    /// A dependency failed; trying again may help.
    Unavailable,
    /// The time limit ended before the result was known.
    Timeout,
}

impl Code {
    /// Every code, for the tests that hold `openapi.yaml` and the status table to this list.
    pub const ALL: [Self; 19] = [
        Self::InvalidRequest,
        Self::InvalidKey,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::UploadNotFound,
        Self::PartsMissing,
        Self::ChecksumMismatch,
        Self::FileChanged,
        Self::FileDeleted,
        Self::FileTooLarge,
        Self::QuotaExceeded,
        Self::UseMultipart,
        Self::RequestTooLarge,
        Self::TypeNotAllowed,
        Self::TooManyUploads,
        Self::Internal,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidKey => "invalid_key",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::UploadNotFound => "upload_not_found",
            Self::PartsMissing => "parts_missing",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::FileChanged => "file_changed",
            Self::FileDeleted => "file_deleted",
            Self::FileTooLarge => "file_too_large",
            Self::QuotaExceeded => "quota_exceeded",
            Self::UseMultipart => "use_multipart",
            Self::RequestTooLarge => "request_too_large",
            Self::TypeNotAllowed => "type_not_allowed",
            Self::TooManyUploads => "too_many_uploads",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
        }
    }

    /// Returns whether this is a server fault. The client then gets no details, and the log gets
    /// all of them.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Internal | Self::Unavailable | Self::Timeout)
    }
}

/// A failure. The client may read `code` and `message`; only the log may contain `source`.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    about: Option<Box<About>>,
}

/// The details that differ between two failures of the same kind. The log writes them in separate
/// fields, so that [`Error::causes`] is the same text each time and a query can group by it.
#[derive(Debug, Default)]
struct About {
    file: Option<FileId>,
    owner: Option<String>,
    s3_request: Option<String>,
}

impl Error {
    /// A failure with a message for the client. The message says how to fix the request.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            source: None,
            about: None,
        }
    }

    /// `invalid_request`.
    #[must_use]
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// `not_found`, both for a file that does not exist and for a file of another user.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is no such file.")
    }

    /// `not_found`, for a path or method that no function serves.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(Code::NotFound, "There is nothing at this path and method.")
    }

    /// `internal`: `what` names the step for the log; the client sees a constant sentence.
    #[must_use]
    pub fn internal(
        what: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            code: Code::Internal,
            message: what.into(),
            source: Some(source.into()),
            about: None,
        }
    }

    /// `unavailable`: a dependency failed in a way that may pass.
    #[must_use]
    pub fn unavailable(
        what: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            code: Code::Unavailable,
            message: what.into(),
            source: Some(source.into()),
            about: None,
        }
    }

    /// `timeout`: `what` did not answer before the deadline.
    #[must_use]
    pub fn timeout(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Timeout, what)
    }

    /// The same failure with `prefix` before its message, such as `files[3]: `.
    #[must_use]
    pub fn prefixed(self, prefix: &str) -> Self {
        Self {
            message: Cow::Owned(format!("{prefix}{}", self.message)),
            ..self
        }
    }

    /// The same failure with the file under `key`. A key that was set before stays, because it is
    /// closer to the cause.
    #[must_use]
    pub fn of_file(mut self, key: &ObjectKey) -> Self {
        let about = self.about.get_or_insert_default();
        if about.file.is_none() {
            about.file = Some(key.id());
            about.owner = Some(key.owner().fingerprint());
        }
        self
    }

    /// The same failure, with S3's own id of the request that failed.
    #[must_use]
    pub fn of_s3_request(mut self, id: Option<String>) -> Self {
        if id.is_some() {
            self.about.get_or_insert_default().s3_request = id;
        }
        self
    }

    /// The file that failed, if any. For the log.
    #[must_use]
    pub fn file(&self) -> Option<FileId> {
        self.about.as_ref()?.file
    }

    /// The fingerprint of that file's owner: for the log.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.about.as_ref()?.owner.as_deref()
    }

    /// S3's id of the request that failed, for the log and for AWS support.
    #[must_use]
    pub fn s3_request(&self) -> Option<&str> {
        self.about.as_ref()?.s3_request.as_deref()
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The failure and its whole chain of causes in one line, for the log only. It names neither a
    /// file nor a request.
    #[must_use]
    pub fn causes(&self) -> String {
        let mut line = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            source = cause.source();
        }
        line
    }

    /// The message for the client. For server faults it contains no internal details.
    #[must_use]
    pub fn client_message(&self) -> &str {
        match self.code {
            Code::Internal => "Something went wrong on our side. Give the request id to support.",
            Code::Unavailable => {
                "A service behind this one is not answering. Try again in a moment."
            }
            Code::Timeout => "This took too long. Try again; repeating the request is safe.",
            _ => &self.message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_tells_a_client_nothing_of_the_inside() {
        for error in [
            Error::internal("password=hunter2", "postgres://u:p@host/db"),
            Error::unavailable("password=hunter2", "postgres://u:p@host/db"),
            Error::timeout("password=hunter2"),
        ] {
            assert!(error.code().is_fault());
            assert!(!error.client_message().contains("hunter2"));
            assert!(!error.client_message().contains("postgres"));
        }
    }

    #[test]
    fn codes_are_distinct() {
        let names: std::collections::HashSet<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
