//! The body of a response. It is JSON within JSON, because Lambda expects a response object that
//! holds the body as a string.

use std::io;

use serde::Serialize;
use serde_json::value::RawValue;
use slipway_core::Error;
use slipway_core::limits::MAX_ANSWER_BYTES;

use crate::event::Origin;

/// A body under construction. The caller writes plain JSON, and the writer escapes it on its way
/// into the response.
///
/// A page of files is half a megabyte, so it is written once, directly into its place. The complete
/// response is then parsed once more. The runtime needs this to accept JSON that is already
/// serialized, and it proves that the JSON is well-formed.
#[derive(Debug)]
pub struct JsonBody {
    /// The answer so far: `{"body":"` and the body.
    answer: String,
    len: usize,
}

/// An upper bound for the status and headers of an answer and for the cursor of a page, in bytes.
const REST_OF_ANSWER: usize = 3072;

/// The beginning of every response.
const BEGIN: &str = r#"{"body":""#;

/// A position in a body, to which it can be truncated.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    answer: usize,
    len: usize,
}

impl JsonBody {
    /// An empty body with capacity for `bytes` bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        // Only quotes are escaped, and the rest of a response is short.
        let mut answer = String::with_capacity(bytes + bytes / 16 + 256);
        answer.push_str(BEGIN);
        Self { answer, len: 0 }
    }

    /// Appends the bytes that were written to `other`.
    pub fn append(&mut self, other: &Self) {
        self.answer.push_str(&other.answer[BEGIN.len()..]);
        self.len += other.len;
    }

    /// Appends JSON unchanged.
    pub fn raw(&mut self, json: &str) {
        let mut rest = json;
        // Only these two characters of JSON must be escaped within a string.
        while let Some(at) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
            self.answer.push_str(&rest[..at]);
            self.answer.push('\\');
            self.answer.push_str(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        self.answer.push_str(rest);
        self.len += json.len();
    }

    /// Appends `"name":`, after a comma unless it is the first. `name` must not need escaping.
    pub fn key(&mut self, name: &'static str) {
        if !self.answer.ends_with('{') {
            self.answer.push(',');
            self.len += 1;
        }
        self.plain(name);
        self.answer.push(':');
        self.len += 1;
    }

    /// Appends `text` as a string.
    pub fn text(&mut self, text: &str) -> Result<(), Error> {
        // Most bytes need no escaping, above all in URLs. Without an early exit, the compiler can
        // check many bytes at once.
        let special =
            |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
        if text.bytes().fold(0, |any, byte| any | special(byte)) == 0 {
            self.plain(text);
            return Ok(());
        }
        let json = serde_json::to_string(text);
        self.raw(&json.map_err(|error| Error::internal("write the answer", error))?);
        Ok(())
    }

    fn plain(&mut self, text: &str) {
        self.answer.push_str("\\\"");
        self.answer.push_str(text);
        self.answer.push_str("\\\"");
        self.len += text.len() + 2;
    }

    /// Appends a string, or `null`.
    pub fn text_or_null(&mut self, text: Option<&str>) -> Result<(), Error> {
        if let Some(text) = text {
            return self.text(text);
        }
        self.raw("null");
        Ok(())
    }

    /// A body that is exactly `value`.
    pub(crate) fn of(value: &impl Serialize) -> serde_json::Result<Self> {
        let mut body = Self::with_capacity(2048);
        serde_json::to_writer(&mut body, value)?;
        Ok(body)
    }

    /// The number of bytes that the client receives.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.len
    }

    /// Returns whether Lambda accepts a response with the bytes written so far.
    ///
    /// Lambda counts the bytes that it receives, in which the body is escaped once more: a quote of
    /// a file's name takes four bytes there.
    #[must_use]
    pub const fn fits(&self) -> bool {
        self.answer.len() + REST_OF_ANSWER <= MAX_ANSWER_BYTES
    }

    /// Returns whether Lambda accepts a response with the bytes written to this body and to
    /// `other`.
    #[must_use]
    pub const fn fits_with(&self, other: &Self) -> bool {
        self.answer.len() + other.answer.len() + REST_OF_ANSWER <= MAX_ANSWER_BYTES
    }

    /// The current length.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark {
            answer: self.answer.len(),
            len: self.len,
        }
    }

    /// Removes everything after `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.answer.truncate(mark.answer);
        self.len = mark.len;
    }

    /// The whole response, in the same form as `lambda_http` writes it.
    ///
    /// REST APIs join `headers` and `multiValueHeaders`, so one of the two is empty.
    pub(crate) fn into_answer(
        mut self,
        status: u16,
        origin: Origin,
    ) -> serde_json::Result<Box<RawValue>> {
        self.answer
            .push_str(r#"","isBase64Encoded":false,"statusCode":"#);
        self.answer.push_str(&status.to_string());
        self.answer.push_str(match origin {
            Origin::HttpApi => {
                r#","headers":{"content-type":"application/json","cache-control":"no-store"},"multiValueHeaders":{},"cookies":[]}"#
            }
            Origin::RestApi => {
                r#","headers":{},"multiValueHeaders":{"content-type":["application/json"],"cache-control":["no-store"]}}"#
            }
        });
        RawValue::from_string(self.answer)
    }
}

impl io::Write for JsonBody {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        // `serde_json` never splits a character between two writes.
        self.raw(str::from_utf8(json).map_err(io::Error::other)?);
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::{
        ApiGatewayProxyResponse, ApiGatewayV2httpResponse,
    };
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn answer(body: JsonBody, origin: Origin) -> Value {
        let answer = body.into_answer(201, origin).expect("an answer");
        serde_json::from_str(answer.get()).expect("JSON")
    }

    #[test]
    fn answers_are_spelled_as_lambda_http_spells_them() {
        for origin in [Origin::HttpApi, Origin::RestApi] {
            let body = JsonBody::of(&json!({ "a\"\\\n\u{1}": "ü\u{2028}" })).expect("a body");
            let answer = answer(body, origin);
            let again = match origin {
                Origin::HttpApi => {
                    serde_json::from_value::<ApiGatewayV2httpResponse>(answer.clone())
                        .map(|answer| json!(answer))
                }
                Origin::RestApi => {
                    serde_json::from_value::<ApiGatewayProxyResponse>(answer.clone())
                        .map(|answer| json!(answer))
                }
            };
            assert_eq!(again.expect("an answer"), answer);
            assert_eq!(answer["statusCode"], 201);
        }
    }

    #[test]
    fn what_is_forgotten_is_not_there() {
        let mut body = JsonBody::with_capacity(0);
        body.raw(r#"["a"#);
        let mark = body.mark();
        body.raw(r#"\"b"#);
        assert_eq!(body.bytes(), 6);
        body.truncate(mark);
        body.raw(r#""]"#);
        assert_eq!(body.bytes(), 5);
        assert_eq!(answer(body, Origin::HttpApi)["body"], r#"["a"]"#);
    }

    proptest! {
        #[test]
        fn any_text_arrives(text: Vec<String>) {
            let body = JsonBody::of(&text).expect("a body");
            let plain = serde_json::to_string(&text).expect("JSON");
            prop_assert_eq!(body.bytes(), plain.len());
            let rest = answer(body, Origin::RestApi);
            prop_assert_eq!(rest["body"].as_str(), Some(plain.as_str()));

            let mut body = JsonBody::with_capacity(0);
            let mut separator = "[";
            for text in &text {
                body.raw(separator);
                body.text(text).expect("a text");
                separator = ",";
            }
            body.raw(if text.is_empty() { "[]" } else { "]" });
            prop_assert_eq!(body.bytes(), plain.len());
            let http = answer(body, Origin::HttpApi);
            prop_assert_eq!(http["body"].as_str(), Some(plain.as_str()));
        }
    }
}
