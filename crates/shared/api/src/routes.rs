//! The routes of the API. `template.yaml`, `openapi.yaml` and the router of `cargo lambda watch` in
//! `Cargo.toml` repeat them, and tests compare all four.

use std::fmt;

/// A method and a path, and the function that serves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// In capitals, such as `GET`.
    pub method: &'static str,
    /// Such as `/files/{id}`. A path has at most one variable, which is always `{id}`.
    pub path: &'static str,
    /// The package and binary of the function, without `slipway-`.
    pub function: &'static str,
}

/// Every route. No request matches two of them.
pub const ROUTES: [Route; 14] = [
    route("POST", "/presign-upload", "presign"),
    route("POST", "/save-metadata", "save-metadata"),
    route("GET", "/files", "files"),
    route("GET", "/files/{id}", "files"),
    route("PATCH", "/files/{id}", "rename"),
    route("DELETE", "/files/{id}", "delete"),
    route("POST", "/files/delete", "delete"),
    route("GET", "/usage", "files"),
    route("POST", "/multipart-uploads", "multipart"),
    route("GET", "/multipart-uploads", "multipart"),
    route("GET", "/multipart-uploads/{id}", "multipart"),
    route("DELETE", "/multipart-uploads/{id}", "multipart"),
    route("POST", "/multipart-uploads/{id}/parts", "multipart"),
    route("POST", "/multipart-uploads/{id}/complete", "multipart"),
];

const ID: &str = "{id}";

/// The most segments that a path of [`ROUTES`] has.
pub(crate) const MAX_SEGMENTS: usize = 3;

const fn route(method: &'static str, path: &'static str, function: &'static str) -> Route {
    Route {
        method,
        path,
        function,
    }
}

impl Route {
    /// The route for `method` and the decoded segments of a path.
    pub(crate) fn find(method: &str, segments: &[impl AsRef<str>]) -> Option<&'static Self> {
        ROUTES
            .iter()
            .find(|route| route.method == method && route.matches(segments))
    }

    fn matches(&self, segments: &[impl AsRef<str>]) -> bool {
        let mut given = segments.iter().map(AsRef::as_ref);
        segments_of(self.path).all(|expected| {
            given
                .next()
                .is_some_and(|segment| expected == ID || expected == segment)
        }) && given.next().is_none()
    }

    /// The position of the id among the segments of the path.
    pub(crate) fn id_position(&self) -> Option<usize> {
        segments_of(self.path).position(|segment| segment == ID)
    }
}

/// The route as API Gateway names it, such as `GET /files/{id}`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The segments of a path, without empty ones.
pub(crate) fn segments_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Option<(String, Option<usize>)> {
        let segments: Vec<_> = segments_of(path).collect();
        let route = Route::find(method, &segments)?;
        Some((route.to_string(), route.id_position()))
    }

    #[test]
    fn a_path_matches_whole_and_its_id_is_found() {
        let found = |route: &str, id| Some((route.to_owned(), id));
        assert_eq!(find("GET", "/files"), found("GET /files", None));
        assert_eq!(find("GET", "/files/x"), found("GET /files/{id}", Some(1)));
        assert_eq!(
            find("POST", "/files/delete"),
            found("POST /files/delete", None)
        );
        assert_eq!(
            find("POST", "/multipart-uploads/x/parts"),
            found("POST /multipart-uploads/{id}/parts", Some(1))
        );
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/files/x/y"),
            ("GET", "/Files"),
            ("PUT", "/files/x"),
            ("get", "/files"),
            ("POST", "/multipart-uploads/x"),
        ] {
            assert_eq!(find(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn no_request_matches_two_routes() {
        for (at, route) in ROUTES.iter().enumerate() {
            let path: Vec<_> = segments_of(route.path).collect();
            assert!(path.len() <= MAX_SEGMENTS, "{route}");
            // The id of this route may be a word in the path of another.
            for other in &ROUTES[at + 1..] {
                let words = segments_of(other.path).collect::<Vec<_>>();
                let same = words.len() == path.len()
                    && words
                        .iter()
                        .zip(&path)
                        .all(|(a, b)| a == b || *a == ID || *b == ID);
                assert!(!same || route.method != other.method, "{route} and {other}");
            }
        }
    }
}
