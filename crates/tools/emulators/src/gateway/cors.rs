//! CORS as configured by `CorsConfiguration` in `template.yaml`.
//!
//! "For a CORS request, API Gateway adds the configured CORS headers to the response from an
//! integration", "ignores CORS headers returned from your backend integration", and "automatically
//! sends a response to preflight OPTIONS requests". "To return CORS headers, your request must
//! contain an origin header. For the OPTIONS method, your request must contain an origin header and
//! an Access-Control-Request-Method header."

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

/// `AllowMethods`.
const METHODS: &str = "GET,POST,PATCH,DELETE";

/// `AllowHeaders`.
const HEADERS: &str = "authorization,content-type";

/// `MaxAge`.
const MAX_AGE: &str = "3600";

/// The origin of a request, if it is one of `origins`.
pub(super) fn allowed(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let known = origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes());
    known.then(|| origin.clone())
}

/// Whether the request is a preflight.
pub(super) fn is_preflight<T>(request: &Request<T>) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The response to a preflight. Another origin gets no permission.
pub(super) fn preflight(allowed: Option<HeaderValue>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(origin) = allowed {
        let headers = response.headers_mut();
        permit(headers, origin);
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// An integration's response with our CORS headers instead of its own.
pub(super) fn replaced(
    mut answer: Response<Full<Bytes>>,
    allowed: Option<HeaderValue>,
) -> Response<Full<Bytes>> {
    let headers = answer.headers_mut();
    let own: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in own {
        headers.remove(name);
    }
    if let Some(origin) = allowed {
        permit(headers, origin);
    }
    answer
}

fn permit(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_equal_the_template() {
        let template = include_str!("../../../../../template.yaml");
        // The bucket has CORS rules too. Only the API's have this form.
        let (_, cors) = template.split_once("AllowHeaders: ").expect("the API's");
        let spaced = |list: &str| format!("[{}]", list.replace(',', ", "));
        let expected = [
            spaced(HEADERS),
            format!("AllowMethods: {}", spaced(METHODS)),
            format!("MaxAge: {MAX_AGE}"),
        ];
        let found: Vec<&str> = cors.lines().take(3).map(str::trim).collect();
        assert_eq!(found, expected);
    }
}
