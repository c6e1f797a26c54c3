//! SigV4 in the query string, by hand: one pass, one hash, two HMACs; the key of the day is kept.
//!
//! Source of every rule: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)",
//! Amazon S3 API Reference. The order of the parameters is the AWS SDK's, so that URLs are equal byte for byte.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use percent_encoding::utf8_percent_encode;
use ring::{digest, hmac};
use slipway_core::ObjectKey;
use time::{Date, Duration, OffsetDateTime};

use crate::credentials::Credentials;
use crate::location::{ENCODED, Location};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a URL is to allow, once.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` or `PUT`.
    pub method: &'a str,
    /// The object.
    pub key: &'a ObjectKey,
    /// The operation's name, which the SDK sends as `x-id`.
    pub operation: &'a str,
    /// Query parameters, unencoded, in ascending order of their names, which begin in lower case and sort before `x-id`.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers the client must send, by lower-case name, in ascending order, without `host`.
    pub headers: &'a [(&'a str, &'a str)],
    /// When the signature begins to hold.
    pub at: OffsetDateTime,
    /// For how long it holds, in seconds.
    pub seconds: u64,
}

/// A URL and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl {
    /// The whole URL. A secret until it ends: it is never logged.
    pub url: String,
    /// The earlier of its own expiry and, where known, that of the session that signed it.
    pub expires_at: OffsetDateTime,
}

/// Signs URLs for one bucket.
#[derive(Debug)]
pub struct Signer {
    location: Location,
    credentials: Credentials,
    encoded_token: Option<String>,
    day: RwLock<Option<Arc<Day>>>,
}

/// What only changes at midnight UTC.
#[derive(Debug)]
struct Day {
    date: Date,
    scope: String,
    encoded_credential: String,
    key: hmac::Key,
}

impl Signer {
    /// A signer for `location`.
    #[must_use]
    pub fn new(location: Location, credentials: Credentials) -> Self {
        let encoded_token = credentials
            .session_token
            .as_deref()
            .map(|token| utf8_percent_encode(token, ENCODED).to_string());
        Self {
            location,
            credentials,
            encoded_token,
            day: RwLock::new(None),
        }
    }

    /// The bucket that URLs are signed for.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// Signs `request`.
    #[must_use]
    pub fn sign(&self, request: &Request<'_>) -> SignedUrl {
        let day = self.day(request.at.to_offset(time::UtcOffset::UTC).date());
        let date_time = date_time(request.at);
        let token_bytes = self.encoded_token.as_ref().map_or(0, String::len);
        let mut signed_headers = String::with_capacity(64);
        write_signed_headers(request.headers, &mut signed_headers);

        let mut canonical = String::with_capacity(1024 + token_bytes);
        canonical.push_str(request.method);
        canonical.push('\n');
        self.location.write_path(request.key, &mut canonical);
        let path_end = canonical.len();
        let path_start = request.method.len() + 1;
        canonical.push_str("\nX-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
        canonical.push_str(&day.encoded_credential);
        canonical.push_str("&X-Amz-Date=");
        canonical.push_str(&date_time);
        // Writing to a String cannot fail.
        let _ = write!(canonical, "&X-Amz-Expires={}", request.seconds);
        if let Some(token) = &self.encoded_token {
            canonical.push_str("&X-Amz-Security-Token=");
            canonical.push_str(token);
        }
        canonical.push_str("&X-Amz-SignedHeaders=");
        canonical.push_str(&signed_headers);
        let query_start = canonical.len();
        write_query(request.query, &mut canonical);
        let query_end = canonical.len();
        canonical.push_str("&x-id=");
        canonical.push_str(request.operation);
        canonical.push('\n');
        self.write_headers(request.headers, &mut canonical);
        canonical.push('\n');
        for (at, name) in signed_headers.split("%3B").enumerate() {
            if at > 0 {
                canonical.push(';');
            }
            canonical.push_str(name);
        }
        canonical.push_str("\nUNSIGNED-PAYLOAD");

        let mut to_sign = String::with_capacity(192);
        for line in [ALGORITHM, &date_time, &day.scope] {
            to_sign.push_str(line);
            to_sign.push('\n');
        }
        write_hex(
            digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref(),
            &mut to_sign,
        );
        let signature = hmac::sign(&day.key, to_sign.as_bytes());

        let origin = self.location.origin();
        let mut url = String::with_capacity(origin.len() + canonical.len() + 64);
        url.push_str(origin);
        url.push_str(&canonical[path_start..path_end]);
        url.push_str("?x-id=");
        url.push_str(request.operation);
        url.push_str(&canonical[query_start..query_end]);
        url.push_str("&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
        url.push_str(&day.encoded_credential);
        url.push_str("&X-Amz-Date=");
        url.push_str(&date_time);
        let _ = write!(
            url,
            "&X-Amz-Expires={}&X-Amz-SignedHeaders={signed_headers}&X-Amz-Signature=",
            request.seconds
        );
        write_hex(signature.as_ref(), &mut url);
        if let Some(token) = &self.encoded_token {
            url.push_str("&X-Amz-Security-Token=");
            url.push_str(token);
        }
        SignedUrl {
            url,
            expires_at: self.expires_at(request),
        }
    }

    fn expires_at(&self, request: &Request<'_>) -> OffsetDateTime {
        let own = request.at + Duration::seconds(request.seconds.cast_signed());
        let end = self
            .credentials
            .expires_at
            .map_or(own, |session_end| own.min(session_end));
        // `X-Amz-Date` has whole seconds, so the URL ends at one.
        end.replace_nanosecond(0).unwrap_or(end)
    }

    fn write_headers(&self, headers: &[(&str, &str)], out: &mut String) {
        let mut host = Some(("host", self.location.host()));
        for &(name, value) in headers {
            if let Some((host_name, host_value)) = host.take_if(|(host_name, _)| *host_name < name)
            {
                write_header(host_name, host_value, out);
            }
            write_header(name, value, out);
        }
        if let Some((name, value)) = host {
            write_header(name, value, out);
        }
    }

    fn day(&self, date: Date) -> Arc<Day> {
        // A poisoned lock still holds a whole value: days are replaced, never changed in place.
        let known = self
            .day
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(day) = known.filter(|day| day.date == date) {
            return day;
        }
        let day = Arc::new(Day::new(date, &self.location.region, &self.credentials));
        *self.day.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&day));
        day
    }
}

impl Day {
    fn new(date: Date, region: &str, credentials: &Credentials) -> Self {
        let stamp = format!(
            "{:04}{:02}{:02}",
            date.year(),
            u8::from(date.month()),
            date.day()
        );
        let scope = format!("{stamp}/{region}/s3/aws4_request");
        let credential = format!("{}/{scope}", credentials.access_key_id);
        let secret = format!("AWS4{}", credentials.secret_access_key);
        let key = [stamp.as_str(), region, "s3", "aws4_request"]
            .into_iter()
            .fold(
                hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
                |key, part| {
                    hmac::Key::new(
                        hmac::HMAC_SHA256,
                        hmac::sign(&key, part.as_bytes()).as_ref(),
                    )
                },
            );
        Self {
            date,
            scope,
            encoded_credential: utf8_percent_encode(&credential, ENCODED).to_string(),
            key,
        }
    }
}

/// `YYYYMMDDTHHMMSSZ`.
fn date_time(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// The names with `host` among them, joined by an encoded semicolon.
fn write_signed_headers(headers: &[(&str, &str)], out: &mut String) {
    let at = headers.partition_point(|(name, _)| *name < "host");
    let (before, after) = headers.split_at(at);
    let names = before
        .iter()
        .map(|(name, _)| *name)
        .chain(["host"])
        .chain(after.iter().map(|(name, _)| *name));
    for (at, name) in names.enumerate() {
        if at > 0 {
            out.push_str("%3B");
        }
        out.push_str(name);
    }
}

/// `name:value`, runs of spaces as one, as the canonical form wants.
fn write_header(name: &str, value: &str, out: &mut String) {
    out.push_str(name);
    out.push(':');
    for (at, word) in value.split_ascii_whitespace().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.push('\n');
}

fn write_query(query: &[(&str, &str)], out: &mut String) {
    for (name, value) in query {
        out.push('&');
        out.push_str(name);
        out.push('=');
        out.extend(utf8_percent_encode(value, ENCODED));
    }
}

fn write_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
