//! SigV4 of one request to Secrets Manager. Source: "Create a signed AWS API request", IAM User Guide.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use ring::{digest, hmac};
use slipway_core::env::ConfigError;
use time::OffsetDateTime;
use time::macros::format_description;

const SERVICE: &str = "secretsmanager";

/// Who signs, and where.
pub(crate) struct Signer {
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

impl Signer {
    /// Adds the headers that the call needs, and the signature of all of them.
    pub(crate) fn sign(
        &self,
        request: &mut Request<Bytes>,
        now: OffsetDateTime,
    ) -> Result<(), ConfigError> {
        let unusable = |_| ConfigError::new("AWS_ACCESS_KEY_ID", "makes no header");
        let stamp = now
            .format(format_description!(
                "[year][month][day]T[hour][minute][second]Z"
            ))
            .unwrap_or_default();
        let day = stamp.get(..8).unwrap_or_default();
        let host = request.uri().authority().map(ToString::to_string);
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("host", host.unwrap_or_default()),
            ("x-amz-date", stamp.clone()),
        ];
        if let Some(token) = &self.session_token {
            headers.push(("x-amz-security-token", token.clone()));
        }
        headers.push(("x-amz-target", "secretsmanager.GetSecretValue".to_owned()));

        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut lines = String::new();
        for (name, value) in &headers {
            for part in [*name, ":", value, "\n"] {
                lines.push_str(part);
            }
        }
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", sha256(request.body()));
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", self.region);
        let text = format!(
            "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
            sha256(canonical.as_bytes())
        );
        let key = format!("AWS4{}", self.secret_access_key).into_bytes();
        let key = [day, &self.region, SERVICE, "aws4_request"]
            .into_iter()
            .fold(key, |key, part| mac(&key, part).as_ref().to_vec());
        headers.push((
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
                self.access_key_id,
                hex(mac(&key, &text).as_ref())
            ),
        ));
        for (name, value) in headers {
            let value = HeaderValue::try_from(value).map_err(unusable)?;
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }
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
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;

    use super::*;

    #[test]
    fn the_sdk_would_sign_the_same() {
        for token in [None, Some("to/ken+==".to_owned())] {
            let signer = Signer {
                region: "eu-central-1".to_owned(),
                access_key_id: "AKID".to_owned(),
                secret_access_key: "very secret".to_owned(),
                session_token: token.clone(),
            };
            let now = OffsetDateTime::from_unix_timestamp(1_795_000_000).expect("a time");
            let url = "https://secretsmanager.eu-central-1.amazonaws.com/";
            let body = Bytes::from(r#"{"SecretId":"arn"}"#);
            let mut ours = Request::post(url).body(body.clone()).expect("a request");
            signer.sign(&mut ours, now).expect("signed");

            let identity = Credentials::new("AKID", "very secret", token, None, "test").into();
            let params = v4::SigningParams::builder()
                .identity(&identity)
                .region("eu-central-1")
                .name(SERVICE)
                .time(SystemTime::from(now))
                .settings(SigningSettings::default())
                .build()
                .expect("complete")
                .into();
            let headers = ["content-type", "host", "x-amz-target"];
            let headers = headers.map(|name| (name, ours.headers()[name].to_str().expect("text")));
            let asked =
                SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(&body));
            let theirs = sign(asked.expect("signable"), &params).expect("signed");
            let authorization = ours.headers()["authorization"].to_str().expect("text");
            assert!(
                authorization.ends_with(&format!("Signature={}", theirs.signature())),
                "{authorization}"
            );
        }
    }
}
