//! Responses: JSON, never cached, all failures in one shape.

use serde::Serialize;
use slipway_core::{Code, Error};

use crate::{FileBody, JsonBody};

/// A successful response.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    body: JsonBody,
    counts: Counts,
}

/// The counts of a request, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Uploads presigned.
    pub presigned: u64,
    /// Files recorded by this request, and not by an earlier call or event.
    pub recorded: u64,
    /// Their length in bytes.
    pub uploaded_bytes: u64,
    /// Files deleted.
    pub deleted: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    success: bool,
    code: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl Reply {
    /// 200 with `body` as JSON.
    pub fn ok(body: &impl Serialize) -> Result<Self, Error> {
        Self::json(200, body)
    }

    /// 201 with `body` as JSON.
    pub fn created(body: &impl Serialize) -> Result<Self, Error> {
        Self::json(201, body)
    }

    /// 202 with `body` as JSON: the work continues.
    pub fn accepted(body: &impl Serialize) -> Result<Self, Error> {
        Self::json(202, body)
    }

    /// `status` with one file.
    pub fn file(status: u16, file: &FileBody<'_>) -> Result<Self, Error> {
        let mut body = JsonBody::with_capacity(FileBody::BYTES);
        body.raw(r#"{"success":true,"file":"#);
        file.write(&mut body)?;
        body.raw("}");
        Ok(Self::new(status, body))
    }

    /// 200 with a body that is already serialized.
    #[must_use]
    pub fn written(body: JsonBody) -> Self {
        Self::new(200, body)
    }

    fn json(status: u16, body: &impl Serialize) -> Result<Self, Error> {
        let body =
            JsonBody::of(body).map_err(|error| Error::internal("write the answer", error))?;
        Ok(Self::new(status, body))
    }

    fn new(status: u16, body: JsonBody) -> Self {
        Self {
            status,
            body,
            counts: Counts::default(),
        }
    }

    /// The same response with these counts.
    #[must_use]
    pub const fn counting(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the same response if Lambda accepts its size.
    ///
    /// Functions that change data always respond within the limit, whatever the request was. This
    /// check therefore never hides a change that was made. A page ends early by itself.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        if self.body.fits() {
            return Ok(self);
        }
        Err(Error::new(
            Code::RequestTooLarge,
            "The answer would be larger than 6 MB. Ask for less at once.",
        ))
    }

    pub(crate) fn into_body(self) -> JsonBody {
        self.body
    }
}

/// The status of a code. No other code maps codes to statuses.
#[must_use]
pub(crate) const fn status(code: Code) -> u16 {
    match code {
        Code::InvalidRequest | Code::InvalidKey => 400,
        Code::Unauthenticated => 401,
        Code::Forbidden => 403,
        Code::NotFound => 404,
        Code::UploadNotFound | Code::PartsMissing | Code::ChecksumMismatch | Code::FileChanged => {
            409
        }
        Code::FileDeleted => 410,
        Code::FileTooLarge | Code::QuotaExceeded | Code::UseMultipart | Code::RequestTooLarge => {
            413
        }
        Code::TypeNotAllowed => 415,
        Code::TooManyUploads => 429,
        Code::Internal => 500,
        Code::Unavailable => 503,
        Code::Timeout => 504,
    }
}

/// The JSON of `error` in the response.
pub(crate) fn failure(error: &Error, request_id: &str) -> serde_json::Result<JsonBody> {
    let code = error.code();
    JsonBody::of(&Failure {
        success: false,
        code: code.as_str(),
        error: error.client_message(),
        request_id: code.is_fault().then_some(request_id),
    })
}
