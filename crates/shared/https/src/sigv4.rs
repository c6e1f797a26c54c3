//! Signs requests to AWS with SigV4 in their headers. Source: "Create a signed AWS API request",
//! IAM User Guide.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, InvalidHeaderValue};
use http::{HeaderName, HeaderValue, Request};
use ring::{digest, hmac};
use time::OffsetDateTime;
use time::macros::format_description;

const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Signs for one service in one region.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The service in the credential scope: `s3`, `secretsmanager`.
    pub service: &'a str,
    /// The AWS region.
    pub region: &'a str,
    /// The access key id.
    pub access_key_id: &'a str,
    /// The secret access key.
    pub secret_access_key: &'a str,
    /// The session token of temporary credentials.
    pub session_token: Option<&'a str>,
}

impl Signer<'_> {
    /// Adds the headers that every request needs, and signs all headers.
    ///
    /// The URI must be absolute and encoded as it is sent, with parameters in order, and `=` after
    /// a parameter without a value. Each header must occur once, without spaces around its value.
    /// The path is signed as sent. Only S3 expects that: other services encode it twice, so use `/`
    /// as their path.
    pub fn sign(
        &self,
        request: &mut Request<Bytes>,
        now: OffsetDateTime,
    ) -> Result<(), InvalidHeaderValue> {
        let stamp = now
            .format(format_description!(
                "[year][month][day]T[hour][minute][second]Z"
            ))
            .unwrap_or_default();
        let day = stamp.get(..8).unwrap_or_default();
        let host = request.uri().authority().map_or("", |host| host.as_str());
        let host = HeaderValue::from_str(host)?;
        let hash = sha256(request.body());

        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(DATE, HeaderValue::from_str(&stamp)?);
        if self.service == "s3" {
            // Only S3 requires this header.
            headers.insert(CONTENT_SHA256, HeaderValue::from_str(&hash)?);
        }
        if let Some(token) = self.session_token {
            headers.insert(SECURITY_TOKEN, secret(token)?);
        }
        let (canonical, names) = canonical(request, &hash);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(&canonical));
        let key = format!("AWS4{}", self.secret_access_key).into_bytes();
        let key = [day, self.region, self.service, "aws4_request"]
            .into_iter()
            .fold(key, |key, part| mac(&key, part).as_ref().to_vec());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key_id,
            hex(mac(&key, &text).as_ref())
        );
        let authorization = secret(&authorization)?;
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(())
    }
}

/// The canonical request, and its signed header names.
fn canonical(request: &Request<Bytes>, hash: &str) -> (Vec<u8>, String) {
    let mut headers: Vec<_> = request.headers().iter().collect();
    headers.sort_unstable_by_key(|(name, _)| name.as_str());
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");

    let uri = request.uri();
    let query = uri.query().unwrap_or_default();
    let mut canonical = format!("{}\n{}\n{query}\n", request.method(), uri.path()).into_bytes();
    for (name, value) in headers {
        canonical.extend_from_slice(name.as_str().as_bytes());
        canonical.push(b':');
        // The canonical form has one space for each run of spaces.
        for &byte in value.as_bytes() {
            if byte != b' ' || canonical.last() != Some(&b' ') {
                canonical.push(byte);
            }
        }
        canonical.push(b'\n');
    }
    for part in ["\n", &names, "\n", hash] {
        canonical.extend_from_slice(part.as_bytes());
    }
    (canonical, names)
}

/// A value that `Debug` does not show.
fn secret(value: &str) -> Result<HeaderValue, InvalidHeaderValue> {
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

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    };
    use aws_sigv4::sign::v4;
    use http::Method;

    use super::*;

    const S3: &str = "https://b.s3.eu-central-1.amazonaws.com";
    const SECRETS: &str = "https://secretsmanager.eu-central-1.amazonaws.com";

    /// The settings of the SDK's clients for this service.
    fn settings(service: &str) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        settings
    }

    /// The signature of the SDK's signer.
    fn theirs(signer: &Signer<'_>, request: &Request<Bytes>, now: OffsetDateTime) -> String {
        let token = signer.session_token.map(str::to_owned);
        let (id, key) = (signer.access_key_id, signer.secret_access_key);
        let identity = Credentials::new(id, key, token, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(signer.region)
            .name(signer.service)
            .time(SystemTime::from(now))
            .settings(settings(signer.service))
            .build()
            .expect("complete")
            .into();
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
        let asked = SignableRequest::new(
            request.method().as_str(),
            request.uri().to_string(),
            headers,
            SignableBody::Bytes(request.body()),
        );
        let (_, signature) = sign(asked.expect("signable"), &params)
            .expect("signed")
            .into_parts();
        signature
    }

    #[test]
    fn the_sdk_would_sign_the_same() {
        let asks = [
            ("s3", Method::HEAD, "/o%40x/0/a..b~c", None, ""),
            (
                "s3",
                Method::GET,
                "/o/0/a",
                Some(("range", "bytes=0-511")),
                "",
            ),
            (
                "s3",
                Method::PUT,
                "/o/0/a",
                Some(("content-type", "text/plain;  charset=utf-8;   a=\"  b\"")),
                "",
            ),
            ("s3", Method::DELETE, "/o/0/a", None, ""),
            (
                "s3",
                Method::POST,
                "/?delete=",
                Some(("x-amz-checksum-sha256", "abc=")),
                "<Delete></Delete>",
            ),
            (
                "secretsmanager",
                Method::POST,
                "/",
                Some(("x-amz-target", "secretsmanager.GetSecretValue")),
                r#"{"SecretId":"arn"}"#,
            ),
        ];
        let now = OffsetDateTime::from_unix_timestamp(1_795_000_000).expect("a time");
        for session_token in [None, Some("to/ken+==")] {
            for (service, method, path, header, body) in &asks {
                let signer = Signer {
                    service,
                    region: "eu-central-1",
                    access_key_id: "AKID",
                    secret_access_key: "very secret",
                    session_token,
                };
                let origin = if *service == "s3" { S3 } else { SECRETS };
                let mut request = Request::builder()
                    .method(method)
                    .uri(format!("{origin}{path}"));
                if let Some((name, value)) = header {
                    request = request.header(*name, *value);
                }
                let mut request = request.body(Bytes::from(*body)).expect("a request");
                let theirs = theirs(&signer, &request, now);
                signer.sign(&mut request, now).expect("signed");
                let ours = request.headers()[AUTHORIZATION].to_str().expect("text");
                assert!(
                    ours.ends_with(&format!("Signature={theirs}")),
                    "{method} {path}: {ours}"
                );
            }
        }
    }

    #[test]
    fn nobody_prints_what_is_secret() {
        let signer = Signer {
            service: "s3",
            region: "eu-central-1",
            access_key_id: "AKID",
            secret_access_key: "very secret",
            session_token: Some("token-of-a-session"),
        };
        let mut request = Request::get(S3).body(Bytes::new()).expect("a request");
        let now = OffsetDateTime::UNIX_EPOCH;
        signer.sign(&mut request, now).expect("signed");
        let printed = format!("{request:?}");
        assert!(!printed.contains("Signature="), "{printed}");
        assert!(!printed.contains("token-of-a-session"), "{printed}");
    }

    #[test]
    fn a_token_that_is_no_header_is_refused() {
        let signer = Signer {
            service: "s3",
            region: "eu-central-1",
            access_key_id: "AKID",
            secret_access_key: "very secret",
            session_token: Some("to\nken"),
        };
        let mut request = Request::get(S3).body(Bytes::new()).expect("a request");
        let refused = signer.sign(&mut request, OffsetDateTime::UNIX_EPOCH);
        refused.expect_err("a line feed in a header");
    }
}
