//! CORS as S3 evaluates it, by the rule of `template.yaml`.
//!
//! Source: "Using cross-origin resource sharing (CORS)" in the S3 User Guide, and the answers of S3
//! that `LocalStack` has recorded (`test_s3_cors.snapshot.json`): what a preflight is refused with,
//! that a rule with `*` answers `*`, and that a request without `Origin`, or one that no rule
//! matches, is answered without any header of CORS and without `Vary`.

use std::io;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use s3s::Body;
use serde_yaml_ng::Value;

const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
/// With S3's own spelling.
const FORBIDDEN: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, \
    request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the \
    resource's CORS spec.";

/// One rule of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsRule {
    /// The origins of pages that may call; `*` is any.
    pub origins: Vec<String>,
    /// The methods that they may use.
    pub methods: Vec<String>,
    /// The headers that they may send; each with at most one star.
    pub headers: Vec<String>,
    /// The headers of an answer that they may read.
    pub exposed: Vec<String>,
    /// For how many seconds a browser may keep the answer to a preflight.
    pub max_age: u64,
}

/// What a page asks for.
struct Wish<'a> {
    origin: &'a str,
    method: &'a str,
    headers: Vec<String>,
}

impl CorsRule {
    /// The rule of the template's bucket, for pages at `origins`, which the template has as a
    /// parameter.
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

    /// The answer to an OPTIONS request, for a path that names an object or the bucket.
    pub(super) fn preflight(&self, asked: &HeaderMap, object: bool) -> Response<Body> {
        let Some(origin) = text(asked, &header::ORIGIN) else {
            let message = "Insufficient information. Origin request header needed.";
            return refusal(StatusCode::BAD_REQUEST, "BadRequest", message, None);
        };
        let Some(method) = text(asked, &header::ACCESS_CONTROL_REQUEST_METHOD) else {
            let message = "Invalid Access-Control-Request-Method: null";
            return refusal(StatusCode::BAD_REQUEST, "BadRequest", message, None);
        };
        let wish = Wish::of(asked, origin, method);
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

    /// The headers of an answer to any other request; none where no rule matches.
    pub(super) fn answer(&self, asked: &HeaderMap, method: &Method, answer: &mut HeaderMap) {
        let Some(origin) = text(asked, &header::ORIGIN) else {
            return;
        };
        let method = text(asked, &header::ACCESS_CONTROL_REQUEST_METHOD).unwrap_or(method.as_str());
        if let Some(allowed) = self.allowed_origin(&Wish::of(asked, origin, method)) {
            self.write(allowed, answer);
        }
    }

    /// What `Access-Control-Allow-Origin` says, if the rule allows all that is asked for.
    fn allowed_origin<'a>(&self, wish: &Wish<'a>) -> Option<&'a str> {
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

impl<'a> Wish<'a> {
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

/// With at most one star, which stands for any characters.
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
    // A method is a token of HTTP, which may hold `&` and nothing else that XML minds.
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
