//! The application's own fields of a file: a small JSON object of strings.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Up to 16 entries, at most 640 bytes as compact JSON. Default: none.
///
/// Entries are kept in the order of their keys, so two equal objects have one spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The most entries.
    pub const MAX_ENTRIES: usize = 16;

    /// The longest key, in bytes.
    pub const MAX_KEY_BYTES: usize = 64;

    /// The longest compact JSON, in bytes of UTF-8. As base64url it has 854 of the 2 KB that S3
    /// allows.
    pub const MAX_BYTES: usize = 640;

    /// Returns whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The compact JSON: UTF-8 without spaces. Control characters are refused, so only `"` and `\`
    /// need an escape.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.json_bytes());
        json.push('{');
        for (at, (key, value)) in self.iter().enumerate() {
            json.push_str(if at == 0 { "\"" } else { ",\"" });
            json.push_str(key);
            json.push_str("\":\"");
            for part in value.split_inclusive(['"', '\\']) {
                let plain = part.trim_end_matches(['"', '\\']);
                json.push_str(plain);
                if let [special] = part.as_bytes()[plain.len()..] {
                    json.push('\\');
                    json.push(special.into());
                }
            }
            json.push('"');
        }
        json.push('}');
        json
    }

    /// The value of `x-amz-meta-data`: base64url of the compact JSON, without padding.
    #[must_use]
    pub fn to_header(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_json())
    }

    /// The metadata in `x-amz-meta-data`; `None` if the value was not written by presigning.
    #[must_use]
    pub fn from_header(value: &str) -> Option<Self> {
        Self::from_json(&URL_SAFE_NO_PAD.decode(value).ok()?)
    }

    /// Metadata from JSON, spaces and any order of keys allowed; `None` if it is not valid.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Adds an entry, or returns what is wrong with it.
    fn add(&mut self, key: String, value: String) -> Result<(), String> {
        if !is_key(&key) {
            return Err(format!(
                "a key of metadata must be 1 to {} of A-Z, a-z, 0-9, _ and -",
                Self::MAX_KEY_BYTES
            ));
        }
        if value.chars().any(char::is_control) {
            return Err(format!(
                "metadata.{key} must not contain control characters such as line breaks or NUL"
            ));
        }
        if self.0.contains_key(&key) {
            return Err(format!("metadata.{key} is there twice"));
        }
        if self.0.len() == Self::MAX_ENTRIES {
            return Err(format!(
                "metadata must have at most {} entries",
                Self::MAX_ENTRIES
            ));
        }
        self.0.insert(key, value);
        Ok(())
    }

    /// The length of the compact JSON.
    fn json_bytes(&self) -> usize {
        let escaped = |text: &str| {
            let escapes = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\'));
            text.len() + escapes.count()
        };
        // Quotes, a colon and a comma for each entry, or a brace in place of the last comma.
        let entries = self
            .iter()
            .map(|(key, value)| key.len() + escaped(value) + 6);
        (entries.sum::<usize>() + 1).max(2)
    }
}

fn is_key(key: &str) -> bool {
    (1..=Metadata::MAX_KEY_BYTES).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

/// Reads entry by entry, because a map type would silently keep the last of two equal keys.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata as an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::default();
        while let Some((key, value)) = entries.next_entry()? {
            metadata.add(key, value).map_err(A::Error::custom)?;
        }
        let bytes = metadata.json_bytes();
        if bytes > Metadata::MAX_BYTES {
            return Err(A::Error::custom(format_args!(
                "metadata must be at most {} bytes as compact JSON; this has {bytes}",
                Metadata::MAX_BYTES
            )));
        }
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;
    use crate::{FileName, RuleName};

    fn parsed(json: &str) -> Result<Metadata, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn only_small_objects_of_strings() {
        let long = |bytes: usize| format!(r#"{{"k":"{}"}}"#, "v".repeat(bytes - 8));
        for fine in [
            "{}".to_owned(),
            r#"{"album":"Ferien 2026","_-0":""}"#.to_owned(),
            r#"{"k": "\"\\ \u00e9 \ud83d\ude00 \u200b"}"#.to_owned(),
            format!(r#"{{"{}":""}}"#, "k".repeat(64)),
            long(640),
        ] {
            assert!(parsed(&fine).is_ok(), "{fine}: {:?}", parsed(&fine));
        }
        for (bad, why) in [
            ("[]".to_owned(), "an object of strings"),
            (r#""a""#.to_owned(), "an object of strings"),
            (r#"{"a":1}"#.to_owned(), "expected a string"),
            (r#"{"a":null}"#.to_owned(), "expected a string"),
            (r#"{"a":{"b":"c"}}"#.to_owned(), "expected a string"),
            (r#"{"":"a"}"#.to_owned(), "a key of metadata"),
            (r#"{"a.b":"a"}"#.to_owned(), "a key of metadata"),
            (r#"{"ä":"a"}"#.to_owned(), "a key of metadata"),
            (format!(r#"{{"{}":""}}"#, "k".repeat(65)), "1 to 64"),
            (r#"{"a":"\n"}"#.to_owned(), "metadata.a"),
            (r#"{"a":"\u0085"}"#.to_owned(), "control characters"),
            (
                r#"{"a":"1","a":"1"}"#.to_owned(),
                "metadata.a is there twice",
            ),
            (long(641), "this has 641"),
        ] {
            let problem = parsed(&bad).expect_err(&bad);
            assert!(problem.contains(why), "{bad}: {problem}");
        }
        let entries = |number: usize| {
            let entries: Vec<_> = (0..number).map(|at| format!(r#""k{at}":"""#)).collect();
            format!("{{{}}}", entries.join(","))
        };
        assert!(parsed(&entries(16)).is_ok());
        assert!(
            parsed(&entries(17))
                .expect_err("too many")
                .contains("16 entries")
        );
    }

    #[test]
    fn equal_objects_have_one_spelling() {
        let metadata = parsed(r#"{ "b": "2", "a": "\u00e9\"\\/" }"#).expect("metadata");
        let json = metadata.to_json();
        assert_eq!(json, r#"{"a":"é\"\\/","b":"2"}"#);
        assert_eq!(Metadata::from_json(json.as_bytes()), Some(metadata));
    }

    /// S3 counts the names and values of user metadata, the prefix `x-amz-meta-` included (API
    /// reference, `PutObject`).
    #[test]
    fn the_largest_upload_keeps_within_the_metadata_that_s3_allows() {
        let name = FileName::parse("写".repeat(256)).expect("768 bytes");
        let metadata = parsed(&format!(r#"{{"k":"{}"}}"#, "v".repeat(632))).expect("640 bytes");
        let rule = RuleName::parse(&"r".repeat(32)).expect("32 bytes");
        let data = metadata.to_header();
        assert_eq!(data.len(), 854);
        let sent = [
            ("x-amz-meta-data", data.as_str()),
            ("x-amz-meta-name", &name.to_metadata()),
            ("x-amz-meta-rule", rule.as_str()),
        ];
        let bytes: usize = sent
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert_eq!(bytes, 1955);
        assert!(bytes <= 2048);
    }

    proptest! {
        #[test]
        fn the_length_is_that_of_the_json(
            entries in btree_map("[A-Za-z0-9_-]{1,64}", "[^\\p{Cc}]{0,80}|[\"\\\\]{0,9}", 0..=17)
        ) {
            let json = serde_json::to_string(&entries).expect("JSON");
            let fits = entries.len() <= Metadata::MAX_ENTRIES && json.len() <= Metadata::MAX_BYTES;
            prop_assert_eq!(parsed(&json).is_ok(), fits, "{}", json);
            let all = Metadata(entries);
            prop_assert_eq!(all.json_bytes(), json.len());
            prop_assert_eq!(all.to_json(), json);
            if fits {
                let header = all.to_header();
                prop_assert!(header.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
                prop_assert_eq!(Metadata::from_header(&header), Some(all));
            }
        }

        #[test]
        fn foreign_headers_never_panic(value in ".*") {
            let _ = Metadata::from_header(&value);
        }
    }
}
