//! A SigV4 query signer that signs exactly what a test tells it to.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::stack::{ACCESS_KEY, REGION, SECRET_KEY};

const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// A URL to be signed.
pub struct Url {
    endpoint: String,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    expires: u64,
    at: OffsetDateTime,
    access_key: String,
    region: String,
}

impl Url {
    pub fn new(endpoint: &str, method: &str, bucket: &str, key: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            method: method.to_owned(),
            path: format!("/{bucket}/{}", utf8_percent_encode(key, PATH)),
            query: Vec::new(),
            headers: Vec::new(),
            expires: 300,
            at: OffsetDateTime::now_utc(),
            access_key: ACCESS_KEY.to_owned(),
            region: REGION.to_owned(),
        }
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Signs a header; the request must carry it.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn expires(mut self, seconds: u64) -> Self {
        self.expires = seconds;
        self
    }

    pub fn at(mut self, at: OffsetDateTime) -> Self {
        self.at = at;
        self
    }

    pub fn access_key(mut self, id: &str) -> Self {
        id.clone_into(&mut self.access_key);
        self
    }

    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    pub fn sign(mut self) -> String {
        let host = self.endpoint.trim_start_matches("http://").to_owned();
        self.headers.push(("host".to_owned(), host));
        self.headers.sort();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let date = self
            .at
            .format(format_description!("[year][month][day]"))
            .unwrap();
        let time = self
            .at
            .format(format_description!(
                "[year][month][day]T[hour][minute][second]Z"
            ))
            .unwrap();
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", format!("{}/{scope}", self.access_key)),
            ("X-Amz-Date", time.clone()),
            ("X-Amz-Expires", self.expires.to_string()),
            ("X-Amz-SignedHeaders", names.clone()),
        ] {
            self.query.push((name.to_owned(), value));
        }
        let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
        let mut pairs: Vec<_> = self
            .query
            .iter()
            .map(|(n, v)| (encode(n), encode(v)))
            .collect();
        pairs.sort();
        let query = pairs
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect::<Vec<_>>()
            .join("&");
        let headers: String = self
            .headers
            .iter()
            .map(|(n, v)| format!("{n}:{v}\n"))
            .collect();
        let canonical = format!(
            "{}\n{}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD",
            self.method, self.path
        );
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let secret = format!("AWS4{SECRET_KEY}").into_bytes();
        let key = [date.as_str(), &self.region, "s3", "aws4_request"]
            .into_iter()
            .fold(secret, |key, part| mac(&key, part));
        format!(
            "{}{}?{query}&X-Amz-Signature={}",
            self.endpoint,
            self.path,
            hex(&mac(&key, &text))
        )
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
