//! Parses a JSON body, and reports what is wrong with it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use slipway_core::limits::MAX_BODY_BYTES;
use slipway_core::{Code, Error};

/// The body of a request, if it may be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The bytes that the client sent; empty without a body.
    Bytes(Vec<u8>),
    /// The body is declared as base64, but is not valid base64.
    NotBase64,
    /// It is longer than [`MAX_BODY_BYTES`], and was not decoded.
    TooLarge,
}

/// An array of at most `MAX` entries.
///
/// Entries are counted while they are parsed. An array of a million small entries takes 20 times
/// the memory of its text, which a function of 128 MB does not have. Parsing stops at the first
/// entry over the limit.
#[derive(Debug)]
pub struct Entries<T, const MAX: usize>(pub Vec<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Entries<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Counting::<T, MAX>(PhantomData))
    }
}

struct Counting<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Counting<T, MAX> {
    type Value = Entries<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = array.next_element()? {
            if entries.len() == MAX {
                return Err(A::Error::custom(format_args!(
                    "this array must have 1 to {MAX} entries"
                )));
            }
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

/// The error for a body over the limit.
pub(crate) fn too_large() -> Error {
    Error::new(
        Code::RequestTooLarge,
        format!("The request's body has more than {MAX_BODY_BYTES} bytes. Send less at once."),
    )
}

/// The maximum length of a parse error in the response.
const MAX_PROBLEM_CHARS: usize = 300;

/// Fails with `invalid_request` and the place where `body` stops being a `T`.
pub(crate) fn parse<T: DeserializeOwned>(body: &Body) -> Result<T, Error> {
    let body = match body {
        Body::Bytes(body) => body.as_slice(),
        Body::NotBase64 => {
            return Err(Error::invalid_request(
                "The request's body is not the base64 that it is said to be.",
            ));
        }
        Body::TooLarge => return Err(too_large()),
    };
    if body.trim_ascii().is_empty() {
        return Err(Error::invalid_request("The request needs a JSON body."));
    }
    object(body).map_err(|problem| {
        Error::invalid_request(format!("The JSON body is not as expected: {problem}."))
    })
}

/// Parses the one JSON object in `json`, or returns what is wrong with it.
///
/// Serde would also accept an array, with the fields of `T` in their order.
pub fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("it must be an object".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| shortened(error.to_string()))
}

/// Serde's message names the field and the expected type, but quotes the whole wrong value. The
/// length of a response must not depend on the request.
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

    #[test]
    fn an_array_is_counted_while_it_is_parsed() {
        #[derive(Debug, serde::Deserialize)]
        struct Three {
            all: Entries<u8, 3>,
        }
        for (json, expected) in [
            (r#"{"all": []}"#, Some(0)),
            (r#"{"all": [1, 2, 3]}"#, Some(3)),
            // The rest is not even JSON, and must not be parsed.
            (r#"{"all": [1, 2, 3, 4, "#, None),
            (r#"{"all": "123"}"#, None),
        ] {
            let parsed = object::<Three>(json.as_bytes());
            let len = parsed.as_ref().ok().map(|three| three.all.0.len());
            assert_eq!(len, expected, "{json}: {parsed:?}");
        }
        let problem = object::<Three>(br#"{"all": [1, 2, 3, 4, "#).expect_err("too many");
        assert!(problem.contains("1 to 3 entries"), "{problem}");
    }
}
