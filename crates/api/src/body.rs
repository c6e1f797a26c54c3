//! Reading a JSON body, and saying what is wrong with one.

use serde::de::DeserializeOwned;
use slipway_core::Error;

/// How much of what is wrong with a body is told.
const MAX_PROBLEM_CHARS: usize = 300;

/// Fails with `invalid_request` and the place where `body` stops being a `T`.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.trim_ascii().is_empty() {
        return Err(Error::invalid_request("The request needs a JSON body."));
    }
    object(body).map_err(|problem| {
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
    serde_json::from_slice(json).map_err(|error| shortened(error.to_string()))
}

/// Serde's sentence names the field and the expected type, but quotes the whole of a wrong value: an answer
/// must not grow with what was sent.
fn shortened(problem: String) -> String {
    match problem.char_indices().nth(MAX_PROBLEM_CHARS) {
        Some((end, _)) => format!("{}…", &problem[..end]),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_wrong_value_is_not_sent_back() {
        let json = format!(r#"{{"size": "{}"}}"#, r#"\""#.repeat(1 << 20));
        let size = object::<std::collections::HashMap<String, u64>>(json.as_bytes());
        let problem = size.expect_err("a string is no number");
        assert!(problem.chars().count() <= MAX_PROBLEM_CHARS + 1);
        assert!(problem.contains("invalid type: string"), "{problem}");
    }
}
