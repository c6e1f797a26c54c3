//! The response of a function.

use lambda_http::Body;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;
use slipway_emulators::capture;

/// A response that agrees with `openapi.yaml`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    /// The length in bytes of what Lambda gets.
    pub(crate) bytes: usize,
}

impl Answer {
    pub(crate) fn of(answer: &RawValue) -> Self {
        let bytes = answer.get().len();
        let mut answer: Value = serde_json::from_str(answer.get()).expect("JSON");
        // A REST API has none.
        let cookies = answer["cookies"].take();
        answer["cookies"] = Value::Array(cookies.as_array().cloned().unwrap_or_default());
        let answer: ApiGatewayV2httpResponse = serde_json::from_value(answer).expect("an answer");
        let Some(Body::Text(text)) = answer.body else {
            panic!("a body that is not text: {:?}", answer.body);
        };
        note(&text);
        let mut headers = answer.headers;
        headers.extend(answer.multi_value_headers);
        Self {
            status: u16::try_from(answer.status_code).expect("a status"),
            headers,
            json: serde_json::from_str(&text).expect("JSON"),
            bytes,
        }
    }

    /// The body of a response, which must have `status`.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.json);
        self.json
    }

    /// The message of an error, which must have `status` and `code`.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.json);
        self.json["error"].as_str().expect("a sentence").to_owned()
    }

    /// The code of an error; empty if the request succeeded.
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
}

/// Notes the secrets that no log may contain: signed URLs, and SQL parameters such as file names in
/// other scripts.
fn note(text: &str) {
    capture::reply(text);
    for rest in text.split(r#""fileName":""#).skip(1) {
        let name = rest.split('"').next().unwrap_or_default();
        if !name.is_ascii() {
            capture::secret(name.trim_end_matches('\\'));
        }
    }
}
