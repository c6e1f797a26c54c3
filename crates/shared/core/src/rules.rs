//! Rules for kinds of uploads, such as avatars: `UPLOAD_RULES`, a JSON object with one rule for
//! each name.
//!
//! A rule only narrows what the deployment allows: the smaller limit counts, a type must pass both
//! lists, and `writeOnce: false` takes nothing away. The name of the rule travels with the upload,
//! inside its signature, as `x-amz-meta-rule`. The record step reads it back from S3 and enforces
//! the same rule on the stored object, so a rule holds whichever client uploaded the file. A rule
//! that was removed since falls back to the deployment's limits.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::content_type::AllowedTypes;
use crate::env::{ConfigError, Environment};
use crate::error::Error;
use crate::limits::too_large;

const VARIABLE: &str = "UPLOAD_RULES";

/// The rule of an upload that names none.
const DEFAULT: &str = "default";

/// The name of a rule: 1 to 32 of `a–z0–9-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(String);

impl RuleName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 32;

    /// The name, if it is well-formed.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=Self::MAX_BYTES).contains(&name.len()) && name.bytes().all(is_plain);
        fits.then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RuleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The limits of one rule. Every field is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    content_types: Option<AllowedTypes>,
    max_bytes: Option<u64>,
    write_once: Option<bool>,
}

impl Rule {
    /// The types that it allows; `None`: those of the deployment.
    #[must_use]
    pub const fn content_types(&self) -> Option<&AllowedTypes> {
        self.content_types.as_ref()
    }

    /// The largest file that it allows, in bytes; `None`: the limit of the deployment.
    #[must_use]
    pub const fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// Whether an upload URL works only once while the object exists.
    #[must_use]
    pub fn write_once(&self) -> bool {
        self.write_once.unwrap_or_default()
    }

    /// Checks the type that a client declares, or that S3 has: `type_not_allowed`.
    pub fn check_type(&self, content_type: &str) -> Result<(), Error> {
        self.content_types
            .as_ref()
            .map_or(Ok(()), |types| types.check_text(content_type))
    }

    /// Checks the length that a client declares: `file_too_large`.
    pub fn check_size(&self, size: u64) -> Result<(), Error> {
        match self.max_bytes {
            Some(max) if size > max => Err(too_large(size, max)),
            _ => Ok(()),
        }
    }
}

/// The rules of a deployment. Default: none are configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadRules(BTreeMap<RuleName, Rule>);

impl UploadRules {
    /// The longest `UPLOAD_RULES`, in bytes: the environment of a function has 4 KB for all
    /// variables (Lambda).
    pub const MAX_BYTES: usize = 1024;

    /// The most rules.
    pub const MAX_RULES: usize = 32;

    /// Reads `UPLOAD_RULES`. The error names the problem, so that init fails with a reason.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let Some(json) = env.optional(VARIABLE) else {
            return Ok(Self::default());
        };
        Self::parse(&json).map_err(|problem| ConfigError::new(VARIABLE, problem))
    }

    fn parse(json: &str) -> Result<Self, String> {
        if json.len() > Self::MAX_BYTES {
            return Err(format!("must be at most {} bytes", Self::MAX_BYTES));
        }
        serde_json::from_str(json).map_err(|error| format!("is not as expected: {error}"))
    }

    /// Whether no rules are configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&RuleName, &Rule)> {
        self.0.iter()
    }

    /// The rule of an upload for which the client requests `name`; `None` where no rules are
    /// configured.
    pub fn choose(&self, name: Option<&str>) -> Result<Option<(&RuleName, &Rule)>, Error> {
        if self.is_empty() {
            return match name {
                None => Ok(None),
                Some(_) => Err(Error::invalid_request(
                    "rule must be left out: this deployment has no rules for uploads.",
                )),
            };
        }
        let chosen =
            RuleName::parse(name.unwrap_or(DEFAULT)).and_then(|name| self.0.get_key_value(&name));
        chosen.map(Some).ok_or_else(|| {
            let names: Vec<&str> = self.0.keys().map(RuleName::as_str).collect();
            let names = names.join(", ");
            Error::invalid_request(match name {
                None => format!("rule is required. The rules are {names}."),
                Some(_) => format!("There is no such rule. The rules are {names}."),
            })
        })
    }

    /// The rule `name`; `None` if it does not exist, or not any more.
    #[must_use]
    pub fn get(&self, name: Option<&RuleName>) -> Option<&Rule> {
        self.0.get(name?)
    }
}

impl<'de> Deserialize<'de> for UploadRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

/// Reads rule by rule, because a map type would silently keep the last of two rules with one name.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = UploadRules;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a rule for each name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<UploadRules, A::Error> {
        let mut rules = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            let name = RuleName::parse(&name).ok_or_else(|| {
                A::Error::custom("the name of a rule must be 1 to 32 of a-z, 0-9 and -")
            })?;
            if rules.len() == UploadRules::MAX_RULES {
                return Err(A::Error::custom("there may be at most 32 rules"));
            }
            let rule = entries.next_value()?;
            if rules.contains_key(&name) {
                return Err(A::Error::custom(format_args!("rule {name} is there twice")));
            }
            rules.insert(name, rule);
        }
        Ok(UploadRules(rules))
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
