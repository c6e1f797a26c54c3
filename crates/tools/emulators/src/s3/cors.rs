//! CORS as S3 evaluates it, with the rule of `template.yaml`.
//!
//! Source: "Using cross-origin resource sharing (CORS)" in the S3 User Guide, and S3's responses
//! that `LocalStack` has recorded (`test_s3_cors.snapshot.json`): the errors for a refused
//! preflight, the response `*` for a rule with `*`, and the absence of CORS headers and of `Vary`
//! for a request without `Origin` or without a matching rule.

use std::io;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use s3s::Body;
use serde_yaml_ng::Value;

const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
/// In S3's own spelling.
const FORBIDDEN: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
    request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the \
    resource's CORS spec.";

/// A CORS rule of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRule {
    /// The allowed origins; `*` allows any.
    pub origins: Vec<String>,
    /// The allowed methods.
    pub methods: Vec<String>,
    /// The allowed request headers, each with at most one star.
    pub headers: Vec<String>,
    /// The response headers that a page may read.
    pub exposed: Vec<String>,
    /// How many seconds a browser may cache the response to a preflight.
    pub max_age: u64,
}

/// The request that a page wants to send.
struct CorsRequest<'a> {
    origin: &'a str,
    method: &'a str,
    headers: Vec<String>,
}

impl CorsRule {
    /// The rule of the template's bucket for pages at `origins`, which are a parameter of the
    /// template.
    pub fn of_template(origins: Vec<String>) -> io::Result<Self> {
        Self::parse(include_str!("../../../../../template.yaml"), origins)
            .ok_or_else(|| io::Error::other("template.yaml has no CORS rule for Bucket"))
    }

    fn parse(template: &str, origins: Vec<String>) -> Option<Self> {
        let template: Value = serde_yaml_ng::from_str(template).ok()?;
        let bucket = &template["Resources"]["Bucket"]["Properties"];
        let rule = &bucket["CorsConfiguration"]["CorsRules"][0];
        let list = |name: &str| -> Option<Vec<String>> {
            let entries = rule[name].as_sequence()?.iter();
            entries
                .map(|entry| entry.as_str().map(str::to_owned))
                .collect()
        };
        Some(Self {
            origins,
            methods: list("AllowedMethods")?,
            headers: list("AllowedHeaders")?,
            exposed: list("ExposedHeaders")?,
            max_age: rule["MaxAge"].as_u64()?,
        })
    }

    /// The response to an OPTIONS request for an object or for the bucket.
    pub(super) fn preflight(&self, asked: &HeaderMap, object: bool) -> Response<Body> {
        let Some(origin) = text(asked, &header::ORIGIN) else {
            let message = "Insufficient information. Origin request header needed.";
            return refusal(StatusCode::BAD_REQUEST, "BadRequest", message, None);
        };
        let Some(method) = text(asked, &header::ACCESS_CONTROL_REQUEST_METHOD) else {
            let message = "Invalid Access-Control-Request-Method: null";
            return refusal(StatusCode::BAD_REQUEST, "BadRequest", message, None);
        };
        let wish = CorsRequest::of(asked, origin, method);
        let Some(allowed) = self.allowed_origin(&wish) else {
            return refusal(
                StatusCode::FORBIDDEN,
                "AccessForbidden",
                FORBIDDEN,
                Some((method, if object { "OBJECT" } else { "BUCKET" })),
            );
        };
        let mut response = Response::new(Body::empty());
        self.write(allowed, response.headers_mut());
        if !wish.headers.is_empty() {
            let names = wish.headers.join(", ");
            set(
                response.headers_mut(),
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                &names,
            );
        }
        response
    }

    /// The CORS headers of the response to any other request; none if no rule matches.
    pub(super) fn answer(&self, asked: &HeaderMap, method: &Method, answer: &mut HeaderMap) {
        let Some(origin) = text(asked, &header::ORIGIN) else {
            return;
        };
        let method = text(asked, &header::ACCESS_CONTROL_REQUEST_METHOD).unwrap_or(method.as_str());
        if let Some(allowed) = self.allowed_origin(&CorsRequest::of(asked, origin, method)) {
            self.write(allowed, answer);
        }
    }

    /// The value of `Access-Control-Allow-Origin`, if the rule allows the request.
    fn allowed_origin<'a>(&self, wish: &CorsRequest<'a>) -> Option<&'a str> {
        let matching = self
            .origins
            .iter()
            .find(|allowed| matches(allowed, wish.origin))?;
        let method = self.methods.iter().any(|allowed| allowed == wish.method);
        let allows = |name: &String| {
            let mut allowed = self.headers.iter();
            allowed.any(|allowed| matches(&allowed.to_ascii_lowercase(), name))
        };
        let all = method && wish.headers.iter().all(allows);
        all.then_some(if matching == "*" { "*" } else { wish.origin })
    }

    fn write(&self, allowed: &str, headers: &mut HeaderMap) {
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if allowed != "*" {
            set(headers, header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        let methods = self.methods.join(", ");
        set(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &methods);
        let exposed = self.exposed.join(", ");
        set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &exposed);
        let age = self.max_age.to_string();
        set(headers, header::ACCESS_CONTROL_MAX_AGE, &age);
        set(headers, header::VARY, VARY);
    }
}

impl<'a> CorsRequest<'a> {
    fn of(asked: &HeaderMap, origin: &'a str, method: &'a str) -> Self {
        let names = text(asked, &header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let names = names.split(',').map(str::trim);
        Self {
            origin,
            method,
            headers: names
                .filter(|name| !name.is_empty())
                .map(str::to_ascii_lowercase)
                .collect(),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A pattern with at most one star, which matches any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((begin, end)) => text
            .strip_prefix(begin)
            .is_some_and(|rest| rest.ends_with(end)),
    }
}

fn refusal(
    status: StatusCode,
    code: &str,
    message: &str,
    about: Option<(&str, &str)>,
) -> Response<Body> {
    // A method is an HTTP token. Of the characters that XML escapes, it may only contain `&`.
    let about = about.map_or_else(String::new, |(method, resource)| {
        let method = method.replace('&', "&amp;");
        format!("<Method>{method}</Method><ResourceType>{resource}</ResourceType>")
    });
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{about}</Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    set(
        response.headers_mut(),
        header::CONTENT_TYPE,
        "application/xml",
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_a_rule() {
        let rule = CorsRule::of_template(vec!["*".to_owned()]).expect("a rule");
        assert!(rule.methods.contains(&"PUT".to_owned()), "{rule:?}");
        assert_eq!(CorsRule::parse("Resources: {}", Vec::new()), None);
    }

    #[test]
    fn a_star_stands_for_anything_once() {
        for (pattern, text, expected) in [
            ("*", "https://a.example", true),
            ("https://*.example", "https://a.example", true),
            ("https://*.example", "http://a.example", false),
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "https://a.example:8443", false),
            ("x-amz-checksum-*", "x-amz-checksum-sha256", true),
            ("x-amz-checksum-*", "x-amz-meta-a", false),
            ("aa*aa", "aaa", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
