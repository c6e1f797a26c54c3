//! The owner of files: the value of one claim, by default `sub`.
//!
//! With `OWNER_CLAIM`, for example `org_id`, all users whose tokens have the same value share the
//! same files, quota and usage. Only this claim is read, and it never falls back to `sub`.
//! Otherwise a person outside of any organisation would get an account of their own in a deployment
//! where organisations own files.

use serde_json::Value;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::{Code, Error, UserId};

use crate::jwt::not_a_string;

/// The claim that identifies a person (RFC 7519, section 4.1.2).
const SUBJECT: &str = "sub";

/// No claim that an identity provider writes has a longer name.
const MAX_BYTES: usize = 128;

/// The name of the claim.
#[derive(Debug)]
pub(crate) struct OwnerClaim(String);

impl OwnerClaim {
    /// Reads `OWNER_CLAIM`.
    pub(crate) fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let Some(name) = env.optional("OWNER_CLAIM") else {
            return Ok(Self(SUBJECT.to_owned()));
        };
        let name = name.trim();
        if name.len() > MAX_BYTES || name.chars().any(char::is_control) {
            return Err(ConfigError::new(
                "OWNER_CLAIM",
                format!("must be the name of one claim, of at most {MAX_BYTES} bytes"),
            ));
        }
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Returns whether the owner is the token's subject. An authorizer's principal then identifies
    /// the owner too.
    pub(crate) fn is_subject(&self) -> bool {
        self.0 == SUBJECT
    }

    /// The value of a claim of a token, which API Gateway has converted to text. Returns null if
    /// the text is API Gateway's form of null, a list or an object. The subject is returned
    /// unchanged.
    pub(crate) fn of_text(&self, value: Value) -> Value {
        match value.as_str() {
            Some(text) if !self.is_subject() && is_no_single_value(text) => Value::Null,
            _ => value,
        }
    }

    /// The owner from the value of the verified claim; null if the claim is absent.
    ///
    /// The token is valid, and only lacks an owner: that is `forbidden`, also if the claim is `sub`.
    pub(crate) fn owner(&self, value: Value) -> Result<UserId, Error> {
        let name = &self.0;
        let owner = match value {
            Value::Null => Err(format!(
                "The token has no {name} claim, which is required here."
            )),
            Value::String(value) => UserId::parse(value).ok_or_else(|| {
                format!("The token's {name} must be 1 to 255 bytes, without a NUL.")
            }),
            other => Err(not_a_string(name, &other)),
        };
        owner.map_err(|message| Error::new(Code::Forbidden, message))
    }
}

/// Whether `text` is API Gateway's text form of null, a list or an object.
fn is_no_single_value(text: &str) -> bool {
    let text = text.trim();
    matches!(text, "null" | "<nil>")
        || ["[", "{", "map["]
            .iter()
            .any(|begin| text.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(name: &str) -> Result<OwnerClaim, ConfigError> {
        OwnerClaim::from_env(&[("OWNER_CLAIM", name)].into_iter().collect())
    }

    #[test]
    fn the_text_of_null_of_a_list_or_of_an_object_names_no_owner() {
        for text in ["null", "<nil>", "[org_1]", "[]", "{\"id\":1}", "map[id:1]"] {
            assert_eq!(claim("org_id").unwrap().of_text(json!(text)), Value::Null);
            // The subject is one string in every token.
            assert_eq!(claim("sub").unwrap().of_text(json!(text)), json!(text));
        }
        for text in ["org_1", "7", "nullable", "a[1]"] {
            assert_eq!(claim("org_id").unwrap().of_text(json!(text)), json!(text));
        }
    }

    #[test]
    fn the_value_is_a_string_of_1_to_255_bytes_or_the_refusal_names_the_claim() {
        let longest = "a".repeat(255);
        for name in ["sub", "org_id", "custom:team"] {
            let claim = claim(name).expect("a claim");
            for good in ["a", "org_1", longest.as_str(), "ü|/", " "] {
                let owner = claim.owner(json!(good)).expect("an owner");
                assert_eq!(owner.as_str(), good);
            }
            for bad in [
                Value::Null,
                json!(""),
                json!("a".repeat(256)),
                json!("a\0b"),
                json!(7),
                json!(true),
                json!(["org_1"]),
                json!({ "id": "org_1" }),
            ] {
                let error = claim.owner(bad.clone()).expect_err("refused");
                assert_eq!(error.code(), Code::Forbidden, "{bad:?}");
                assert!(error.client_message().contains(name), "{error}");
            }
        }
    }

    #[test]
    fn names() {
        assert!(claim("").expect("unset").is_subject());
        assert!(claim(" sub ").expect("sub").is_subject());
        let url = claim("https://example.com/org").expect("a URL");
        assert_eq!(url.name(), "https://example.com/org");
        for bad in ["a\nb", &"x".repeat(129)] {
            let error = claim(bad).expect_err(bad).to_string();
            assert!(
                error.contains("OWNER_CLAIM") && !error.contains(bad),
                "{error}"
            );
        }
    }
}
