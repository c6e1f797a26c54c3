//! A request as an event, in payload format 2.0.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::COOKIE;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The event for a request that came by the route of `pattern`.
pub(super) fn payload(parts: &Parts, body: &[u8], pattern: &str) -> Value {
    let mut headers = BTreeMap::<&str, String>::new();
    for (name, value) in parts.headers.iter().filter(|(name, _)| *name != COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str())
            // Several of one name become one.
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert_with(|| value.into_owned());
    }
    let path = parts.uri.path();
    // It decodes them, unlike function URLs.
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parameters: BTreeMap<&str, String> = pattern
        .split('/')
        .zip(path.split('/'))
        .filter_map(|(name, part)| {
            let name = name.strip_prefix('{')?.strip_suffix('}')?;
            Some((name, decoded(part)))
        })
        .collect();
    let (body, encoded) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    let method = parts.method.as_str();
    let route = format!("{method} {pattern}");
    let now = OffsetDateTime::now_utc();
    json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "pathParameters": parameters,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "localhost", "domainPrefix": "local",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent"),
            },
            "requestId": uuid::Uuid::now_v7().simple().to_string(),
            "routeKey": route, "stage": "$default", "time": "", "timeEpoch": now.unix_timestamp() * 1000,
        },
        "body": body,
        "isBase64Encoded": encoded,
    })
}
