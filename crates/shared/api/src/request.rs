//! A request as a function receives it: with an authenticated caller and a matched route.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use slipway_core::limits::MAX_ID_CHARS;
use slipway_core::{Error, FileId, UserId};

use crate::body::{self, Body};
use crate::event::Event;
use crate::routes::{MAX_SEGMENTS, Route, segments_of};

/// An authenticated request.
#[derive(Debug)]
pub struct Request {
    user: UserId,
    method: String,
    target: Target,
    query: Vec<(String, String)>,
    body: Body,
    deadline: Instant,
    files: Mutex<Vec<FileId>>,
}

/// The route that the method and the path of a request select.
#[derive(Debug)]
struct Target {
    route: Option<&'static Route>,
    /// The decoded id in the path. It is empty if the route has none.
    id: String,
    /// Whether a segment of the path is longer than any valid id.
    is_too_long: bool,
}

impl Request {
    pub(crate) fn new(user: UserId, mut event: Event<'_>, deadline: Instant) -> Self {
        let target = Target::of(&event);
        Self {
            user,
            files: Mutex::new(FileId::parse(&target.id).into_iter().collect()),
            target,
            query: event.query(),
            body: event.take_body(),
            method: event.method,
            deadline,
        }
    }

    /// The time that is left for the response. After it, the response is `timeout`.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Sets the files that this request creates, changes or deletes, for its log line. A later call
    /// replaces them.
    ///
    /// Until the first call it is the file whose id is in the path.
    pub fn concerns(&self, files: impl IntoIterator<Item = FileId>) {
        let files = files.into_iter().collect();
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// The files that [`Self::concerns`] has set.
    pub(crate) fn files(&self) -> Vec<FileId> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *files)
    }

    /// The authenticated caller.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Method and path of the matched route, and the decoded id in the path: `("GET",
    /// "/files/{id}", id)`. All are empty if no route matches.
    #[must_use]
    pub fn route(&self) -> (&'static str, &'static str, &str) {
        let Target { route, id, .. } = &self.target;
        route.map_or(("", "", ""), |route| (route.method, route.path, id))
    }

    /// The route for the log, such as `GET /files/{id}`. A path of the client's choice is not
    /// logged, so without a route it is the method alone.
    pub(crate) fn route_name(&self) -> String {
        self.target
            .route
            .map_or_else(|| self.method.clone(), ToString::to_string)
    }

    /// Fails if the body, or an id in the path, is longer than any valid one.
    pub(crate) fn check_lengths(&self) -> Result<(), Error> {
        if self.body == Body::TooLarge {
            return Err(body::too_large());
        }
        if self.target.is_too_long {
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

    /// The value of a query parameter. Fails if it was sent twice, because one of them would be
    /// ignored.
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

impl Target {
    fn of(event: &Event<'_>) -> Self {
        let mut segments = [const { Cow::Borrowed("") }; MAX_SEGMENTS];
        let (mut count, mut is_too_long) = (0, false);
        for segment in segments_of(event.path()).skip(segments_in_front(event)) {
            let segment = decoded(segment);
            is_too_long |= segment.chars().count() > MAX_ID_CHARS;
            if let Some(slot) = segments.get_mut(count) {
                *slot = segment;
            }
            count += 1;
        }
        let segments = segments.get_mut(..count);
        let route = segments
            .as_deref()
            .and_then(|segments| Route::find(&event.method, segments));
        let id = route
            .and_then(Route::id_position)
            .and_then(|at| segments?.get_mut(at).map(std::mem::take));
        Self {
            route,
            id: id.unwrap_or_default().into_owned(),
            is_too_long,
        }
    }
}

/// The number of segments in front of the path that `openapi.yaml` declares.
///
/// An HTTP API keeps a named stage there, and both kinds of API keep the base path of a custom
/// domain. The route that API Gateway has matched gives the number of segments that are ours.
/// Function URLs match no route and add nothing.
fn segments_in_front(event: &Event<'_>) -> usize {
    if let Some(route) = event.route().filter(|route| !route.contains("+}")) {
        let (path, route) = (segments_of(event.path()), segments_of(route));
        return path.count().saturating_sub(route.count());
    }
    let first = segments_of(event.path()).next();
    usize::from(event.stage().is_some() && first == event.stage())
}

/// Only HTTP APIs decode the path.
fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}
