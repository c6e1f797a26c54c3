//! A SigV4 signer that signs exactly what a test wants.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use slipway_core::hex;
use slipway_emulators::s3::KeyPair;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::stack::{ACCESS_KEY, REGION, SECRET_KEY};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// A URL to sign.
pub(crate) struct Url {
    endpoint: String,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    expires: u64,
    at: OffsetDateTime,
    access_key: String,
    secret_key: String,
    region: String,
}

impl Url {
    pub(crate) fn new(endpoint: &str, method: &str, bucket: &str, key: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            method: method.to_owned(),
            path: format!("/{bucket}/{}", utf8_percent_encode(key, PATH)),
            query: Vec::new(),
            headers: Vec::new(),
            expires: 300,
            at: OffsetDateTime::now_utc(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            region: REGION.to_owned(),
        }
    }

    /// Signs the path with `text` instead of `encoded`, as a careless signer does.
    pub(crate) fn path_with(mut self, encoded: &str, text: &str) -> Self {
        self.path = self.path.replace(encoded, text);
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Signs a header, which the request must then have.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn expires(mut self, seconds: u64) -> Self {
        self.expires = seconds;
        self
    }

    pub(crate) fn at(mut self, at: OffsetDateTime) -> Self {
        self.at = at;
        self
    }

    pub(crate) fn access_key(mut self, id: &str) -> Self {
        id.clone_into(&mut self.access_key);
        self
    }

    pub(crate) fn keys(mut self, keys: &KeyPair) -> Self {
        self.access_key.clone_from(&keys.access_key);
        self.secret_key.clone_from(&keys.secret_key);
        self
    }

    pub(crate) fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// The URL with the signature in its query.
    pub(crate) fn sign(mut self) -> String {
        self.add_host();
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            (
                "X-Amz-Credential",
                format!("{}/{}", self.access_key, self.scope()),
            ),
            ("X-Amz-Date", self.time()),
            ("X-Amz-Expires", self.expires.to_string()),
            ("X-Amz-SignedHeaders", self.header_names()),
        ] {
            self.query.push((name.to_owned(), value));
        }
        let signature = self.signature("UNSIGNED-PAYLOAD");
        let (endpoint, path, query) = (&self.endpoint, &self.path, self.canonical_query());
        format!("{endpoint}{path}?{query}&X-Amz-Signature={signature}")
    }

    /// The URL, and the headers with the signature. `payload` is the body's hash, or a constant
    /// such as `UNSIGNED-PAYLOAD`.
    pub(crate) fn sign_headers(mut self, payload: &str) -> (String, Vec<(String, String)>) {
        self = self.header("x-amz-content-sha256", payload);
        let time = self.time();
        self = self.header("x-amz-date", &time);
        self.add_host();
        let (names, scope) = (self.header_names(), self.scope());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key,
            self.signature(payload),
        );
        self.headers
            .push(("authorization".to_owned(), authorization));
        let url = format!("{}{}?{}", self.endpoint, self.path, self.canonical_query());
        (url, self.headers)
    }

    fn add_host(&mut self) {
        let host = self.endpoint.trim_start_matches("http://").to_owned();
        self.headers.push(("host".to_owned(), host));
        self.headers.sort();
    }

    fn header_names(&self) -> String {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.join(";")
    }

    fn date(&self) -> String {
        self.at
            .format(format_description!("[year][month][day]"))
            .unwrap()
    }

    fn time(&self) -> String {
        self.at
            .format(format_description!(
                "[year][month][day]T[hour][minute][second]Z"
            ))
            .unwrap()
    }

    fn scope(&self) -> String {
        format!("{}/{}/s3/aws4_request", self.date(), self.region)
    }

    fn canonical_query(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
        let mut pairs: Vec<_> = self
            .query
            .iter()
            .map(|(n, v)| (encode(n), encode(v)))
            .collect();
        pairs.sort();
        pairs
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect::<Vec<_>>()
            .join("&")
    }

    fn signature(&self, payload: &str) -> String {
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|(n, v)| format!("{n}:{v}\n"))
            .collect();
        let canonical = [
            &self.method,
            &self.path,
            &self.canonical_query(),
            &headers.concat(),
            &self.header_names(),
            payload,
        ]
        .join("\n");
        let hash = sha256(canonical.as_bytes());
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{hash}",
            self.time(),
            self.scope()
        );
        let secret = format!("AWS4{}", self.secret_key).into_bytes();
        let key = [self.date().as_str(), &self.region, "s3", "aws4_request"]
            .into_iter()
            .fold(secret, |key, part| mac(&key, part));
        hex(&mac(&key, &text))
    }
}

/// The SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}
