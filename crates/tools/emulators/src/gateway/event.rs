//! A request as an event, in payload format 2.0.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE};
use http::request::Parts;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::route;

/// The event for a request that came by the route of `pattern`.
pub(super) fn payload(parts: &Parts, body: &[u8], pattern: &str) -> Value {
    let headers = headers(&parts.headers);
    // The guide does not say whether it is decoded. Here it is as the client sent it, as with function URLs.
    let path = parts.uri.path();
    let method = parts.method.as_str();
    let route = format!("{method} {pattern}");
    let now = OffsetDateTime::now_utc();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "localhost", "domainPrefix": "local",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent"),
            },
            "requestId": uuid::Uuid::now_v7().simple().to_string(),
            "routeKey": route, "stage": "$default", "time": "", "timeEpoch": now.unix_timestamp() * 1000,
        },
        "isBase64Encoded": false,
    });
    let variables = route::variables(pattern, path).unwrap_or_default();
    if !variables.is_empty() {
        event["pathParameters"] = json!(variables.into_iter().collect::<BTreeMap<_, _>>());
    }
    if let Some(query) = parts.uri.query() {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        event["queryStringParameters"] = json!(joined(pairs));
    }
    let cookies = parts.headers.get_all(COOKIE).iter();
    let cookies: Vec<String> = cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .map(|cookie| cookie.trim().to_owned())
        .collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !body.is_empty() {
        let (body, encoded) = encoded(body, &parts.headers);
        event["body"] = body.into();
        event["isBase64Encoded"] = encoded.into();
    }
    event
}

/// "All header names are lowercased", "duplicate headers are combined with commas".
fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let all = headers.iter().filter(|(name, _)| *name != COOKIE);
    joined(all.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    }))
}

fn joined(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in pairs {
        all.entry(name)
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert(value);
    }
    all
}

/// The body as text or in base64. It "infers the need for encoding based on the content-type header": only text, JSON,
/// JavaScript and XML pass as they are.
fn encoded(body: &[u8], headers: &HeaderMap) -> (String, bool) {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let plain = [
        "application/json",
        "application/javascript",
        "application/xml",
    ];
    let is_text = kind.starts_with("text/") || plain.contains(&kind);
    match std::str::from_utf8(body) {
        Ok(text) if is_text => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

/// Claims as an HTTP API passes them: every value a string, a list as `[a b]`.
pub(super) fn as_strings(claims: &Value) -> Value {
    fn text(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(text).collect();
                format!("[{}]", items.join(" "))
            }
            other => other.to_string(),
        }
    }
    let claims = claims.as_object().into_iter().flatten();
    let claims = claims.map(|(name, value)| (name.clone(), text(value).into()));
    Value::Object(claims.collect())
}
