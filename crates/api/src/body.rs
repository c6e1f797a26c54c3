//! Reading a JSON body, and saying what is wrong with one.

use lambda_http::Body;
use serde::de::DeserializeOwned;
use slipway_core::Error;

/// Fails with `invalid_request` and the place where `body` stops being a `T`.
pub(crate) fn parse<T: DeserializeOwned>(body: &Body) -> Result<T, Error> {
    let bytes: &[u8] = match body {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid_request("The request needs a JSON body."));
    }
    object(bytes).map_err(|problem| {
        Error::invalid_request(format!("The JSON body is not as expected: {problem}."))
    })
}

/// Reads the one JSON object in `json`; else says what is wrong with it.
///
/// Serde would also take an array, with the fields of `T` in their order.
pub fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("it must be an object".to_owned());
    }
    // Serde's sentence names the field and the expected type; of the value it may quote a little,
    // and the client sent that itself.
    serde_json::from_slice(json).map_err(|error| error.to_string())
}
