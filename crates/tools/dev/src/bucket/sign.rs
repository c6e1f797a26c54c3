//! Signs requests about a bucket with SigV4 in headers. `slipway-s3-urls` only signs URLs of
//! objects.
//!
//! Source: "Signature Calculations for the Authorization Header", Amazon S3 API Reference.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use slipway_core::hex;
use time::OffsetDateTime;
use time::macros::format_description;

/// The access key.
pub(super) struct AccessKey {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// The headers of a signed request. `query` is one name without a value, or empty.
pub(super) fn signed(
    keys: &AccessKey,
    region: &str,
    method: &str,
    host: &str,
    path: &str,
    query: &str,
    body: &str,
) -> Vec<(&'static str, String)> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    // Formatting these numbers cannot fail.
    let now = OffsetDateTime::now_utc()
        .format(&format)
        .unwrap_or_default();
    let day = now.get(..8).unwrap_or_default();
    let sum = digest::digest(&digest::SHA256, body.as_bytes());
    let mut headers = vec![
        ("host", host.to_owned()),
        ("x-amz-content-sha256", hex(sum.as_ref())),
        ("x-amz-date", now.clone()),
    ];
    if !body.is_empty() {
        // S3 requires a checksum with every configuration of a bucket.
        headers.push(("x-amz-checksum-sha256", STANDARD.encode(sum)));
    }
    if let Some(token) = &keys.token {
        headers.push(("x-amz-security-token", token.clone()));
    }
    headers.sort_unstable_by_key(|(name, _)| *name);
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let equals = if query.is_empty() { "" } else { "=" };
    let mut canonical = format!("{method}\n{path}\n{query}{equals}\n");
    for (name, value) in &headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(sum.as_ref()));
    let scope = format!("{day}/{region}/s3/aws4_request");
    let canonical = digest::digest(&digest::SHA256, canonical.as_bytes());
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{now}\n{scope}\n{}",
        hex(canonical.as_ref())
    );
    let key = format!("AWS4{}", keys.secret).into_bytes();
    let parts = [day, region, "s3", "aws4_request", &to_sign];
    let signature = parts.iter().fold(key, |key, part| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        hmac::sign(&key, part.as_bytes()).as_ref().to_vec()
    });
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={}",
        keys.id,
        hex(&signature)
    );
    headers.push(("authorization", authorization));
    headers
}
