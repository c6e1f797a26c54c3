//! Tokens for callers of a local stack or of a test: JSON Web Tokens (RFC 7519) in compact form.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The claims of a token that is issued now and expires after `seconds`.
#[must_use]
pub fn claims(user: &str, issuer: &str, audience: &str, seconds: u64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    json!({
        "sub": user, "iss": issuer, "aud": audience, "iat": now, "exp": now.saturating_add(seconds),
    })
}

/// The token of `claims`, signed by `sign` with `algorithm`, such as `EdDSA` or `HS256`.
pub fn signed(algorithm: &str, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "alg": algorithm, "typ": "JWT" });
    let message = format!("{}.{}", part(&header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}
