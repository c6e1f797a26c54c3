//! A request as functions see it: the caller is known, the path is taken apart.

use std::borrow::Cow;

use http::Method;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt as _};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use slipway_core::{Error, UserId};

use crate::body;

/// An authenticated request.
#[derive(Debug)]
pub struct Request {
    user: UserId,
    method: Method,
    segments: Vec<String>,
    query: QueryMap,
    body: Body,
}

impl Request {
    pub(crate) fn new(user: UserId, request: lambda_http::Request) -> Self {
        let segments = segments(&request);
        let query = request
            .query_string_parameters_ref()
            .cloned()
            .unwrap_or_default();
        let (parts, body) = request.into_parts();
        Self {
            user,
            method: parts.method,
            segments,
            query,
            body,
        }
    }

    /// Who is calling.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Method and decoded path segments, to match on: `("GET", ["files", id])`.
    #[must_use]
    pub fn route(&self) -> (&str, Vec<&str>) {
        (
            self.method.as_str(),
            self.segments.iter().map(String::as_str).collect(),
        )
    }

    /// The JSON body as a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        body::parse(&self.body)
    }

    /// The value of a query parameter; given twice it is an error, since one of them would be ignored.
    pub fn query(&self, name: &str) -> Result<Option<&str>, Error> {
        let values = self.query.all(name).unwrap_or_default();
        match values.as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(Error::invalid_request(format!(
                "The query parameter {name} was given more than once."
            ))),
        }
    }
}

/// The path without the stage: an HTTP API keeps a named stage in front of it, REST APIs, function URLs and
/// the local emulator do not, and only some of them decode it.
pub(crate) fn segments(request: &lambda_http::Request) -> Vec<String> {
    let path = request.raw_http_path();
    let stage = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
        _ => None,
    };
    let mut segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .peekable();
    if segments.peek().copied() == stage {
        segments.next();
    }
    segments
        .map(|segment| decoded(segment).into_owned())
        .collect()
}

fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}
