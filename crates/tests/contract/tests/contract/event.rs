//! Requests as API Gateway sends them: an HTTP API, payload 2.0.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The key that tokens of the tests are signed with.
pub(crate) const SECRET: &str = "a secret of the tests, of 32 bytes and more";
pub(crate) const ISSUER: &str = "https://issuer.test";
pub(crate) const AUDIENCE: &str = "slipway-tests";

/// A request that can be bent in every way before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Event(pub(crate) Value);

impl Event {
    /// `target` is a path as it stands in the URL, with or without a query.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self(json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {
                "content-type": "application/json",
                "host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
                "x-forwarded-proto": "https",
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "a1b2c3d4e5",
                "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.10", "userAgent": "tests",
                },
                "requestId": "HbEXAMPLEoAMEXw=",
                "routeKey": "$default",
                "stage": "$default",
                "time": "30/Jun/2023:03:34:18 +0000",
                "timeEpoch": 1_688_096_058_518_u64,
            },
            "isBase64Encoded": false,
        }))
    }

    /// Sent by `user`, with a good token.
    pub(crate) fn by(self, user: &str) -> Self {
        self.header("authorization", &format!("Bearer {}", token(user)))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = value.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.0["body"] = body.into();
        self
    }

    /// As API Gateway encodes what it does not take for text.
    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.0["body"] = STANDARD.encode(body).into();
        self.0["isBase64Encoded"] = true.into();
        self
    }

    /// What an authorizer in front of the function says.
    pub(crate) fn authorizer(mut self, says: Value) -> Self {
        self.0["requestContext"]["authorizer"] = says;
        self
    }
}

/// A token for `user` that is good for a minute.
pub(crate) fn token(user: &str) -> String {
    signed(&claims(user))
}

/// The claims of a good token.
pub(crate) fn claims(user: &str) -> Value {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    json!({ "sub": user, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 60 })
}

/// `claims` as an HS256 token.
pub(crate) fn signed(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(&json!({ "alg": "HS256", "typ": "JWT" }));
    let text = format!("{head}.{}", part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    // By itself as well: half a token is still one.
    slipway_emulators::capture::secret(&signature);
    format!("{text}.{signature}")
}
