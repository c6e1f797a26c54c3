//! The body of an answer: JSON within JSON, since Lambda passes an answer on as an object that holds it as a string.

use std::io;

use lambda_http::Error;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::Origin;

/// A body while it is written, escaped on its way into the answer: what is written is the body's own JSON.
///
/// A page of files is half a megabyte; so it is written once, into its place.
#[derive(Debug)]
pub struct JsonBody {
    /// The answer so far, in UTF-8: `{"body":"` and the body.
    answer: Vec<u8>,
    len: usize,
}

/// A place in a body, to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    answer: usize,
    len: usize,
}

impl JsonBody {
    /// An empty one, with room for `bytes` of body.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        // Quotes are the only thing that is escaped, and the rest of an answer is short.
        let mut answer = Vec::with_capacity(bytes + bytes / 16 + 256);
        answer.extend(br#"{"body":""#);
        Self { answer, len: 0 }
    }

    /// `value` as a whole body.
    pub(crate) fn of(value: &impl Serialize) -> serde_json::Result<Self> {
        let mut body = Self::with_capacity(2048);
        serde_json::to_writer(&mut body, value)?;
        Ok(body)
    }

    /// The bytes that the client gets.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no body stays empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Where it is now.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark {
            answer: self.answer.len(),
            len: self.len,
        }
    }

    /// Forgets what came after `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.answer.truncate(mark.answer);
        self.len = mark.len;
    }

    /// The whole answer, as `lambda_http` spells it.
    ///
    /// REST APIs join `headers` and `multiValueHeaders`, so one of the two is empty.
    pub(crate) fn into_answer(
        mut self,
        status: u16,
        origin: Origin,
    ) -> Result<Box<RawValue>, Error> {
        self.answer
            .extend(br#"","isBase64Encoded":false,"statusCode":"#);
        self.answer.extend(status.to_string().into_bytes());
        self.answer.extend(match origin {
            Origin::HttpApi => {
                br#","headers":{"content-type":"application/json","cache-control":"no-store"},"multiValueHeaders":{},"cookies":[]}"#.as_slice()
            }
            Origin::RestApi => {
                br#","headers":{},"multiValueHeaders":{"content-type":["application/json"],"cache-control":["no-store"]}}"#
            }
        });
        Ok(RawValue::from_string(String::from_utf8(self.answer)?)?)
    }
}

impl io::Write for JsonBody {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let mut rest = json;
        // Of what JSON may hold, only these two are not themselves in a string.
        while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
            self.answer.extend_from_slice(&rest[..at]);
            self.answer.extend_from_slice(&[b'\\', rest[at]]);
            rest = &rest[at + 1..];
        }
        self.answer.extend_from_slice(rest);
        self.len += json.len();
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

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
        body.write_all(br#"["a"#).expect("memory");
        let mark = body.mark();
        body.write_all(br#"\"b"#).expect("memory");
        assert_eq!(body.len(), 6);
        body.truncate(mark);
        body.write_all(br#""]"#).expect("memory");
        assert_eq!(body.len(), 5);
        assert_eq!(answer(body, Origin::HttpApi)["body"], r#"["a"]"#);
    }

    proptest! {
        #[test]
        fn any_text_arrives(text: Vec<String>) {
            let body = JsonBody::of(&text).expect("a body");
            let plain = serde_json::to_string(&text).expect("JSON");
            prop_assert_eq!(body.len(), plain.len());
            let answer = answer(body, Origin::RestApi);
            prop_assert_eq!(answer["body"].as_str(), Some(plain.as_str()));
        }
    }
}
