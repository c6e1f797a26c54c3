//! A request as functions see it: the caller is known, the path is taken apart.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use slipway_core::limits::MAX_ID_CHARS;
use slipway_core::{Error, FileId, UserId};

use crate::body::{self, Body};
use crate::event::Event;

/// The words of our routes; anything else in a path is the client's.
const OURS: [&str; 8] = [
    "presign-upload",
    "save-metadata",
    "files",
    "delete",
    "usage",
    "multipart-uploads",
    "parts",
    "complete",
];

/// No route of ours is longer.
const MAX_SEGMENTS: usize = 4;

/// An authenticated request.
#[derive(Debug)]
pub struct Request {
    user: UserId,
    method: String,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    body: Body,
    deadline: Instant,
    files: Mutex<Vec<FileId>>,
}

impl Request {
    pub(crate) fn new(user: UserId, mut event: Event<'_>, deadline: Instant) -> Self {
        let segments = segments(&event);
        let named = segments.iter().filter_map(|segment| FileId::parse(segment));
        Self {
            user,
            files: Mutex::new(named.collect()),
            segments,
            query: event.query(),
            body: event.take_body(),
            method: event.method,
            deadline,
        }
    }

    /// How long the answer may take from now on; then it is a `timeout`, whatever it would have been.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Names the files that this request makes, changes or deletes, for its log line. The last call counts.
    ///
    /// An id in the path is named already.
    pub fn concerns(&self, files: impl IntoIterator<Item = FileId>) {
        let files = files.into_iter().collect();
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// The files that were named.
    pub(crate) fn files(&self) -> Vec<FileId> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *files)
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
            &self.method,
            self.segments.iter().map(String::as_str).collect(),
        )
    }

    /// The route for the log, without what a client chose: `GET /files/{id}`.
    pub(crate) fn route_name(&self) -> String {
        let mut name = self.method.clone();
        name.push(' ');
        for segment in self.segments.iter().take(MAX_SEGMENTS) {
            name.push('/');
            name.push_str(if OURS.contains(&segment.as_str()) {
                segment
            } else {
                "{id}"
            });
        }
        name
    }

    /// Fails if the body, or an id in the path, is longer than any valid one.
    pub(crate) fn check_lengths(&self) -> Result<(), Error> {
        if self.body == Body::TooLarge {
            return Err(body::too_large());
        }
        if self
            .segments
            .iter()
            .any(|segment| segment.chars().count() > MAX_ID_CHARS)
        {
            return Err(Error::invalid_request(format!(
                "The id in the path has more than {MAX_ID_CHARS} characters."
            )));
        }
        Ok(())
    }

    /// The JSON body as a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        body::parse(&self.body)
    }

    /// The JSON body as a `T`, or its default if the client sent none.
    pub fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Error> {
        match &self.body {
            Body::Bytes(body) if body.trim_ascii().is_empty() => Ok(T::default()),
            body => body::parse(body),
        }
    }

    /// The value of a query parameter; given twice it is an error, since one of them would be ignored.
    pub fn query(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self.query.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => Ok(Some(value)),
            _ => Err(Error::invalid_request(format!(
                "The query parameter {name} was given more than once."
            ))),
        }
    }
}

/// The path as the routes of `openapi.yaml` spell it, whatever stands in front of it.
///
/// An HTTP API keeps a named stage in front of the path, and either kind of API the base path of a custom domain.
/// The route that it chose tells how many segments are ours. Function URLs name no route and have nothing in front.
/// Only HTTP APIs decode the path.
pub(crate) fn segments(event: &Event<'_>) -> Vec<String> {
    let path: Vec<&str> = segments_of(event.path()).collect();
    let in_front = match event.route().filter(|route| !route.contains("+}")) {
        Some(route) => path.len().saturating_sub(segments_of(route).count()),
        None => usize::from(event.stage().is_some() && path.first().copied() == event.stage()),
    };
    path[in_front..]
        .iter()
        .map(|segment| decoded(segment).into_owned())
        .collect()
}

fn segments_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}
