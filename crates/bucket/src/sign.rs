//! SigV4 in the headers of one request to S3. Source: "Create a signed AWS API request", IAM User Guide; S3's own rules are
//! that the path is signed as it is sent, and that the body's hash is a header.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use ring::{digest, hmac};
use slipway_storage::Credentials;
use time::OffsetDateTime;
use time::macros::format_description;

/// What is asked of S3.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Absolute, encoded; a parameter without a value ends in `=`.
    pub(crate) uri: Uri,
    /// In lower case.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Ask {
    /// The request, signed at `now` with all of its headers.
    pub(crate) fn signed(
        &self,
        keys: &Credentials,
        region: &str,
        now: OffsetDateTime,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let stamp = now
            .format(format_description!(
                "[year][month][day]T[hour][minute][second]Z"
            ))
            .unwrap_or_default();
        let day = stamp.get(..8).unwrap_or_default();
        let host = self.uri.authority().map(ToString::to_string);
        let hash = sha256(&self.body);
        let mut headers = self.headers.clone();
        headers.push(("host", host.unwrap_or_default()));
        headers.push(("x-amz-content-sha256", hash.clone()));
        headers.push(("x-amz-date", stamp.clone()));
        if let Some(token) = &keys.session_token {
            headers.push(("x-amz-security-token", token.clone()));
        }
        headers.sort_unstable_by_key(|(name, _)| *name);

        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut canonical = format!(
            "{}\n{}\n{}\n",
            self.method,
            self.uri.path(),
            self.uri.query().unwrap_or_default()
        );
        for (name, value) in &headers {
            for part in [*name, ":", value, "\n"] {
                canonical.push_str(part);
            }
        }
        for part in ["\n", &names, "\n", &hash] {
            canonical.push_str(part);
        }
        let scope = format!("{day}/{region}/s3/aws4_request");
        let text = format!(
            "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
            sha256(canonical.as_bytes())
        );
        let key = format!("AWS4{}", keys.secret_access_key).into_bytes();
        let key = [day, region, "s3", "aws4_request"]
            .into_iter()
            .fold(key, |key, part| mac(&key, part).as_ref().to_vec());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            keys.access_key_id,
            hex(mac(&key, &text).as_ref())
        );

        let mut request = Request::builder()
            .method(&self.method)
            .uri(&self.uri)
            // Not signed; access logs show it.
            .header("user-agent", concat!("slipway/", env!("CARGO_PKG_VERSION")))
            .header("authorization", secret(&authorization)?);
        for (name, value) in &headers {
            request = request.header(*name, secret(value)?);
        }
        request.body(Full::new(self.body.clone()))
    }
}

/// A value that nobody prints.
fn secret(value: &str) -> Result<HeaderValue, http::Error> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_credential_types::Credentials as Theirs;
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    };
    use aws_sigv4::sign::v4;

    use super::*;

    /// As the SDK has it for S3.
    fn settings() -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings
    }

    #[test]
    fn the_sdk_would_sign_the_same() {
        let asks = [
            (Method::HEAD, "o%40x/0/a..b~c", vec![], ""),
            (
                Method::GET,
                "o/0/a",
                vec![("range", "bytes=0-511".to_owned())],
                "",
            ),
            (Method::DELETE, "o/0/a", vec![], ""),
            (
                Method::POST,
                "?delete=",
                vec![("x-amz-checksum-sha256", "abc=".to_owned())],
                "<Delete></Delete>",
            ),
        ];
        for token in [None, Some("to/ken+==".to_owned())] {
            for (method, path, headers, body) in &asks {
                let url = format!("https://b.s3.eu-central-1.amazonaws.com/{path}");
                let ask = Ask {
                    method: method.clone(),
                    uri: url.parse().expect("an address"),
                    headers: headers.clone(),
                    body: Bytes::from_static(body.as_bytes()),
                };
                let keys = Credentials {
                    access_key_id: "AKID".to_owned(),
                    secret_access_key: "very secret".to_owned(),
                    session_token: token.clone(),
                    expires_at: None,
                };
                let now = OffsetDateTime::from_unix_timestamp(1_795_000_000).expect("a time");
                let ours = ask.signed(&keys, "eu-central-1", now).expect("signed");

                let identity =
                    Theirs::new("AKID", "very secret", token.clone(), None, "test").into();
                let params = v4::SigningParams::builder()
                    .identity(&identity)
                    .region("eu-central-1")
                    .name("s3")
                    .time(SystemTime::from(now))
                    .settings(settings())
                    .build()
                    .expect("complete")
                    .into();
                let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
                let asked = SignableRequest::new(
                    method.as_str(),
                    &url,
                    headers,
                    SignableBody::Bytes(body.as_bytes()),
                );
                let theirs = sign(asked.expect("signable"), &params).expect("signed");
                let authorization = ours.headers()["authorization"].to_str().expect("text");
                assert!(
                    authorization.ends_with(&format!("Signature={}", theirs.signature())),
                    "{method} {path}: {authorization}"
                );
            }
        }
    }
}
