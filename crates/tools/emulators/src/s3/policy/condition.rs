//! Conditions of a statement.
//!
//! If a request does not have the key of a condition, the condition is false, and a negated one is
//! true
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).
//! `StringNotEquals` on an object's tag therefore also matches an object without that tag.

use serde_json::Value;

use super::Tags;
use super::document::{PolicyError, texts};

/// The kind of signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// In the header `Authorization`.
    Header,
    /// In the query, as in a presigned URL.
    Query,
}

/// The properties of a request's signature. An unsigned request has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signed {
    /// `s3:authType`.
    pub auth_type: Option<AuthType>,
    /// `s3:signatureAge`, in milliseconds.
    pub age: Option<u64>,
}

/// One operator on one key.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    key: Key,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    StringEquals,
    StringNotEquals,
    Bool,
    NumericGreaterThan,
}

#[derive(Clone, Debug)]
enum Key {
    SecureTransport,
    AuthType,
    SignatureAge,
    ExistingObjectTag(String),
}

/// Parses the `Condition` of a statement. All keys of all operators must hold.
pub(super) fn conditions(value: &Value) -> Result<Vec<Condition>, PolicyError> {
    let operators = value.as_object().ok_or("Condition must be an object")?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let keys = keys.as_object().ok_or("a condition must be an object")?;
        for (key, values) in keys {
            let condition = Condition {
                operator: Operator::parse(operator)?,
                key: Key::parse(key)?,
                values: texts(values)?,
            };
            condition.check()?;
            conditions.push(condition);
        }
    }
    Ok(conditions)
}

impl Operator {
    fn parse(name: &str) -> Result<Self, PolicyError> {
        match name {
            "StringEquals" => Ok(Self::StringEquals),
            "StringNotEquals" => Ok(Self::StringNotEquals),
            "Bool" => Ok(Self::Bool),
            "NumericGreaterThan" => Ok(Self::NumericGreaterThan),
            _ => Err(format!("the operator {name} is not known").into()),
        }
    }
}

impl Key {
    fn parse(name: &str) -> Result<Self, PolicyError> {
        match name {
            "aws:SecureTransport" => Ok(Self::SecureTransport),
            "s3:authType" => Ok(Self::AuthType),
            "s3:signatureAge" => Ok(Self::SignatureAge),
            _ => match name.strip_prefix("s3:ExistingObjectTag/") {
                Some(tag) if !tag.is_empty() => Ok(Self::ExistingObjectTag(tag.to_owned())),
                _ => Err(format!("the condition key {name} is not known").into()),
            },
        }
    }

    /// The request's value of the key.
    fn of(&self, signed: &Signed, tags: &Tags) -> Option<String> {
        match self {
            // This server stands for S3's TLS endpoint, and listens on loopback only.
            Self::SecureTransport => Some("true".to_owned()),
            Self::AuthType => signed.auth_type.map(|kind| {
                let name = match kind {
                    AuthType::Header => "REST-HEADER",
                    AuthType::Query => "REST-QUERY-STRING",
                };
                name.to_owned()
            }),
            Self::SignatureAge => signed.age.map(|age| age.to_string()),
            Self::ExistingObjectTag(tag) => tags.get(tag).cloned(),
        }
    }
}

impl Condition {
    /// Fails if the operator cannot compare the values.
    fn check(&self) -> Result<(), PolicyError> {
        let wrong = |value: &&String| match self.operator {
            Operator::StringEquals | Operator::StringNotEquals => false,
            Operator::Bool => !matches!(value.as_str(), "true" | "false"),
            Operator::NumericGreaterThan => value.parse::<u64>().is_err(),
        };
        match self.values.iter().find(wrong) {
            Some(value) => Err(format!("{:?} cannot compare {value}", self.operator).into()),
            None if self.values.is_empty() => Err("a condition has no value".into()),
            None => Ok(()),
        }
    }

    pub(super) fn holds(&self, signed: &Signed, tags: &Tags) -> bool {
        let found = self.key.of(signed, tags);
        let any = |compare: &dyn Fn(&str, &str) -> bool| {
            found
                .as_deref()
                .is_some_and(|found| self.values.iter().any(|value| compare(found, value)))
        };
        match self.operator {
            Operator::StringEquals => any(&|found, value| found == value),
            Operator::StringNotEquals => !any(&|found, value| found == value),
            Operator::Bool => any(&|found, value| found.eq_ignore_ascii_case(value)),
            Operator::NumericGreaterThan => any(&|found, value| {
                let numbers = found.parse::<u64>().ok().zip(value.parse::<u64>().ok());
                numbers.is_some_and(|(found, value)| found > value)
            }),
        }
    }
}
