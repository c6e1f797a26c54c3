//! SigV4 in the query string, implemented directly: every byte is written once and copied once, and
//! the key of the day is cached.
//!
//! Source of every rule: "Authenticating Requests: Using Query Parameters (AWS Signature Version
//! 4)", Amazon S3 API Reference. The order of the parameters is the AWS SDK's, so that URLs are
//! equal byte for byte.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use ring::{digest, hmac};
use slipway_core::ObjectKey;
use time::{Date, Duration, OffsetDateTime, UtcOffset};

use crate::credentials::Credentials;
use crate::encode::{write_encoded, write_hex, write_number, write_two_digits};
use crate::location::Location;

/// The request that a URL allows.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` or `PUT`.
    pub method: &'a str,
    /// The object.
    pub key: &'a ObjectKey,
    /// The operation's name, which the SDK sends as `x-id`.
    pub operation: &'a str,
    /// Query parameters, unencoded, in ascending order of their names, which begin in lower case
    /// and sort before `x-id`.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers the client must send, by lower-case name, in ascending order, without `host`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The start of the signature's validity.
    pub at: OffsetDateTime,
    /// The validity in seconds.
    pub seconds: u64,
}

/// A URL and its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrl {
    /// The whole URL. It is a secret until it expires, so it is never logged.
    pub url: String,
    /// The earlier of its own expiry and the end of the session that signed it, if known.
    pub expires_at: OffsetDateTime,
}

/// Signs URLs for one bucket.
#[derive(Debug)]
pub struct Signer {
    location: Location,
    credentials: Credentials,
    /// `&X-Amz-Security-Token=…`, or nothing.
    token: Vec<u8>,
    day: RwLock<Option<Arc<Day>>>,
}

/// The parts that only change at midnight UTC.
#[derive(Debug)]
struct Day {
    date: Date,
    /// The query from `X-Amz-Algorithm` to the day in `X-Amz-Date`.
    query: Vec<u8>,
    /// The string to sign up to the day.
    to_sign: Vec<u8>,
    /// The string to sign between the time and the hash.
    scope: Vec<u8>,
    key: hmac::Key,
}

impl Signer {
    /// A signer for `location`.
    #[must_use]
    pub fn new(location: Location, credentials: Credentials) -> Self {
        let mut token = Vec::new();
        if let Some(session) = &credentials.session_token {
            token.extend_from_slice(b"&X-Amz-Security-Token=");
            write_encoded(session, &mut token);
        }
        Self {
            location,
            credentials,
            token,
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
        let at = request.at.to_offset(UtcOffset::UTC);
        let day = self.day(at.date());

        // The canonical request. The ranges that the URL repeats are stored.
        let mut text = Vec::with_capacity(1024 + self.token.len());
        text.extend_from_slice(request.method.as_bytes());
        text.push(b'\n');
        let path = written(&mut text, |text| {
            self.location.write_path(request.key, text);
        });
        text.push(b'\n');
        let credential = written(&mut text, |text| {
            text.extend_from_slice(&day.query);
            write_time(at, text);
            text.extend_from_slice(b"&X-Amz-Expires=");
            write_number(request.seconds, text);
        });
        text.extend_from_slice(&self.token);
        let signed_headers = written(&mut text, |text| {
            text.extend_from_slice(b"&X-Amz-SignedHeaders=");
            self.write_names(request, b"%3B", text);
        });
        let query = written(&mut text, |text| write_query(request.query, text));
        text.extend_from_slice(b"&x-id=");
        text.extend_from_slice(request.operation.as_bytes());
        text.push(b'\n');
        for (name, value) in self.headers(request) {
            write_header(name, value, &mut text);
        }
        text.push(b'\n');
        self.write_names(request, b";", &mut text);
        text.extend_from_slice(b"\nUNSIGNED-PAYLOAD");

        // The string to sign, appended to the same buffer.
        let hash = digest::digest(&digest::SHA256, &text);
        let to_sign = written(&mut text, |text| {
            text.extend_from_slice(&day.to_sign);
            write_time(at, text);
            text.extend_from_slice(&day.scope);
            write_hex(hash.as_ref(), text);
        });
        let signature = hmac::sign(&day.key, &text[to_sign.clone()]);

        let origin = self.location.origin();
        let mut url = Vec::with_capacity(origin.len() + to_sign.start + 64);
        url.extend_from_slice(origin.as_bytes());
        url.extend_from_slice(&text[path]);
        url.extend_from_slice(b"?x-id=");
        url.extend_from_slice(request.operation.as_bytes());
        url.extend_from_slice(&text[query]);
        url.push(b'&');
        url.extend_from_slice(&text[credential]);
        url.extend_from_slice(&text[signed_headers]);
        url.extend_from_slice(b"&X-Amz-Signature=");
        write_hex(signature.as_ref(), &mut url);
        url.extend_from_slice(&self.token);
        SignedUrl {
            // The URL consists of text only, so this cannot fail.
            url: String::from_utf8(url).unwrap_or_default(),
            expires_at: self.expires_at(request),
        }
    }

    fn expires_at(&self, request: &Request<'_>) -> OffsetDateTime {
        let own = request.at + Duration::seconds(request.seconds.cast_signed());
        let end = self
            .credentials
            .expires_at
            .map_or(own, |session_end| own.min(session_end));
        // `X-Amz-Date` has whole seconds, so the expiry has, too.
        end.replace_nanosecond(0).unwrap_or(end)
    }

    /// The signed headers in order: the request's headers, with `host` among them.
    fn headers<'a>(&'a self, request: &Request<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
        let at = request.headers.partition_point(|(name, _)| *name < "host");
        let (before, after) = request.headers.split_at(at);
        let host = ("host", self.location.host());
        before
            .iter()
            .copied()
            .chain([host])
            .chain(after.iter().copied())
    }

    fn write_names(&self, request: &Request<'_>, separator: &[u8], out: &mut Vec<u8>) {
        for (at, (name, _)) in self.headers(request).enumerate() {
            if at > 0 {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(name.as_bytes());
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
        let mut query = b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=".to_vec();
        write_encoded(
            &format!("{}/{scope}", credentials.access_key_id),
            &mut query,
        );
        query.extend_from_slice(format!("&X-Amz-Date={stamp}").as_bytes());
        Self {
            date,
            query,
            to_sign: format!("AWS4-HMAC-SHA256\n{stamp}").into_bytes(),
            scope: format!("\n{scope}\n").into_bytes(),
            key,
        }
    }
}

/// The range that `write` has appended.
fn written(text: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
    let start = text.len();
    write(text);
    start..text.len()
}

/// Appends `THHMMSSZ`, the time after the day.
fn write_time(at: OffsetDateTime, out: &mut Vec<u8>) {
    let (hour, minute, second) = at.to_hms();
    out.push(b'T');
    write_two_digits(hour, out);
    write_two_digits(minute, out);
    write_two_digits(second, out);
    out.push(b'Z');
}

/// Appends `name:value` in canonical form, which replaces runs of spaces by one.
fn write_header(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for (at, word) in value.split_ascii_whitespace().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
    out.push(b'\n');
}

fn write_query(query: &[(&str, &str)], out: &mut Vec<u8>) {
    for (name, value) in query {
        out.push(b'&');
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        write_encoded(value, out);
    }
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
