//! HTTP requests as events in payload format 2.0, for the gateway and for tests.
//!
//! Source: "Create AWS Lambda proxy integrations for HTTP APIs", API Gateway Developer Guide.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE};
use http::request::Parts;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::route;

/// An event in payload format 2.0. Its JSON is public, so that a test can change any field.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayEvent(pub Value);

impl GatewayEvent {
    /// A request through the route `$default`, without a body. `target` is the path as it is in the
    /// URL, with or without a query.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            // The guide does not say whether the path is decoded. Here it is as the client sent it,
            // as with function URLs.
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "content-type": "application/json", "host": "localhost" },
            "requestContext": {
                "accountId": "000000000000", "apiId": "local", "domainName": "localhost", "domainPrefix": "local",
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": null,
                },
                "requestId": "HbEXAMPLEoAMEXw=", "routeKey": "$default", "stage": "$default",
                "time": "", "timeEpoch": 0,
            },
            "isBase64Encoded": false,
        });
        if !query.is_empty() {
            let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
            event["queryStringParameters"] = json!(joined(pairs));
        }
        Self(event)
    }

    /// Sends it through the route with this path, such as `/files/{id}`.
    #[must_use]
    pub fn route(mut self, pattern: &str) -> Self {
        let http = &self.0["requestContext"]["http"];
        let key = format!("{} {pattern}", http["method"].as_str().unwrap_or_default());
        let path = http["path"].as_str().unwrap_or_default();
        let variables = route::variables(pattern, path).unwrap_or_default();
        if !variables.is_empty() {
            let variables: BTreeMap<_, _> = variables.into_iter().collect();
            self.0["pathParameters"] = json!(variables);
        }
        self.0["requestContext"]["routeKey"] = key.clone().into();
        self.0["routeKey"] = key.into();
        self
    }

    /// Adds or replaces a header. API Gateway sends names in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = value.into();
        self
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    /// Sets a body that API Gateway passes on as text.
    #[must_use]
    pub fn text(mut self, body: &str) -> Self {
        self.0["body"] = body.into();
        self
    }

    /// Sets a body that API Gateway encodes, because it does not take the content type for text.
    #[must_use]
    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.0["body"] = STANDARD.encode(body).into();
        self.0["isBase64Encoded"] = true.into();
        self
    }

    /// Sets the result of an authorizer in front of the function.
    #[must_use]
    pub fn authorizer(mut self, result: Value) -> Self {
        self.0["requestContext"]["authorizer"] = result;
        self
    }

    /// Sets the claims that a JWT authorizer has verified, as an HTTP API passes them: every value
    /// a string, a list as `[a b]`.
    #[must_use]
    pub fn claims(self, claims: &Value) -> Self {
        self.authorizer(json!({ "jwt": { "claims": as_strings(claims), "scopes": null } }))
    }

    /// The event for a request that came through the route of `pattern`.
    pub(super) fn of(parts: &Parts, body: &[u8], pattern: &str) -> Self {
        let target = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        let Self(mut event) = Self::new(parts.method.as_str(), target).route(pattern);
        let headers = headers(&parts.headers);
        let context = &mut event["requestContext"];
        context["http"]["userAgent"] = json!(headers.get("user-agent"));
        context["requestId"] = uuid::Uuid::now_v7().simple().to_string().into();
        context["timeEpoch"] = (OffsetDateTime::now_utc().unix_timestamp() * 1000).into();
        event["headers"] = json!(headers);
        let cookies = parts.headers.get_all(COOKIE).iter();
        let cookies: Vec<String> = cookies
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .map(|cookie| cookie.trim().to_owned())
            .collect();
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        let event = Self(event);
        match std::str::from_utf8(body) {
            _ if body.is_empty() => event,
            Ok(text) if is_text(&parts.headers) => event.text(text),
            _ => event.bytes(body),
        }
    }
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

/// API Gateway "infers the need for encoding based on the content-type header". Only text, JSON,
/// JavaScript and XML are not encoded.
fn is_text(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok());
    let value = value.unwrap_or_default().to_ascii_lowercase();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    let plain = [
        "application/json",
        "application/javascript",
        "application/xml",
    ];
    media_type.starts_with("text/") || plain.contains(&media_type)
}

/// Claims as an HTTP API passes them: every value a string, a list as `[a b]`.
fn as_strings(claims: &Value) -> Value {
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
