//! Policy documents, parsed strictly, and evaluated as IAM does within the features that we use.
//!
//! Unknown features are errors when the document is parsed. A skipped condition would allow
//! requests that AWS refuses, and a test would then show a protection that does not exist. The same
//! documents serve for a bucket (whose statements have a `Principal`) and for a role (whose
//! statements do not).

use std::fmt;

use serde_json::{Map, Value};

use super::condition::{Condition, conditions};
use super::pattern::matches;
use super::{Signed, Tags};

/// A list of statements.
#[derive(Clone, Debug, Default)]
pub struct Document {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    sid: String,
    denies: bool,
    actions: Vec<String>,
    resources: Vec<String>,
    /// Whether `resources` are excluded (`NotResource`).
    except: bool,
    conditions: Vec<Condition>,
}

/// A request as a policy evaluates it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The action, such as `s3:GetObject`.
    pub action: &'a str,
    /// The ARN of the bucket or of the object.
    pub resource: &'a str,
    /// Its signature.
    pub signed: Signed,
    /// The tags of the current object.
    pub tags: &'a Tags,
}

/// The decision of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The statement of this name denies the request, whatever else allows it.
    Denied(String),
    /// A statement allows the request, and none denies it.
    Allowed,
    /// No statement matches the request.
    Silent,
}

/// The reason why a document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError(String);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy: {}", self.0)
    }
}

impl std::error::Error for PolicyError {}

impl PolicyError {
    /// The same problem in the context of `what`.
    pub(super) fn of(self, what: &str) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl From<String> for PolicyError {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for PolicyError {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Document {
    /// Parses a policy document in JSON. Unknown features are errors.
    pub fn parse(document: &Value) -> Result<Self, PolicyError> {
        let members = object(document, "a document")?;
        only(members, &["Version", "Id", "Statement"])?;
        if members.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
            return Err("Version must be 2012-10-17".into());
        }
        let statements = match members.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().map(Statement::parse).collect(),
            Some(one) => Statement::parse(one).map(|one| vec![one]),
            None => Err("a document has no Statement".into()),
        };
        Ok(Self {
            statements: statements?,
        })
    }

    /// Every action that a statement allows, as it is written, with the statement's resources.
    pub fn grants(&self) -> impl Iterator<Item = (&str, &[String])> {
        let allowing = self.statements.iter().filter(|one| !one.denies);
        allowing.flat_map(|statement| {
            let actions = statement.actions.iter();
            actions.map(|action| (action.as_str(), statement.resources.as_slice()))
        })
    }

    /// The decision on `request`. A statement that denies takes precedence over all that allow.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let mut decision = Decision::Silent;
        for statement in &self.statements {
            if !statement.matches(request) {
                continue;
            }
            if statement.denies {
                return Decision::Denied(statement.sid.clone());
            }
            decision = Decision::Allowed;
        }
        decision
    }
}

impl Statement {
    fn parse(statement: &Value) -> Result<Self, PolicyError> {
        let members = object(statement, "a statement")?;
        let known = [
            "Sid",
            "Effect",
            "Principal",
            "Action",
            "Resource",
            "NotResource",
            "Condition",
        ];
        only(members, &known)?;
        let sid = members
            .get("Sid")
            .and_then(Value::as_str)
            .unwrap_or_default();
        Self::read(sid, members).map_err(|problem| problem.of(sid))
    }

    fn read(sid: &str, members: &Map<String, Value>) -> Result<Self, PolicyError> {
        let denies = match members.get("Effect").and_then(Value::as_str) {
            Some("Deny") => true,
            Some("Allow") => false,
            _ => return Err("Effect must be Allow or Deny".into()),
        };
        // Every principal; in a role's policy, the principals with that role.
        if members.get("Principal").is_some_and(|who| who != "*") {
            return Err("only the Principal * is known".into());
        }
        let (except, resources) = match (members.get("Resource"), members.get("NotResource")) {
            (Some(resources), None) => (false, resources),
            (None, Some(resources)) => (true, resources),
            _ => return Err("either Resource or NotResource is needed".into()),
        };
        let actions = members.get("Action").ok_or("Action is needed")?;
        Ok(Self {
            sid: sid.to_owned(),
            denies,
            actions: texts(actions)?,
            resources: texts(resources)?,
            except,
            conditions: match members.get("Condition") {
                Some(value) => conditions(value)?,
                None => Vec::new(),
            },
        })
    }

    fn matches(&self, request: &Request<'_>) -> bool {
        // Actions are not case-sensitive, and resources are.
        let action = request.action.to_ascii_lowercase();
        let acts = |pattern: &String| matches(&pattern.to_ascii_lowercase(), &action);
        let names = |pattern: &String| matches(pattern, request.resource);
        self.actions.iter().any(acts)
            && self.resources.iter().any(names) != self.except
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(&request.signed, request.tags))
    }
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, PolicyError> {
    value
        .as_object()
        .ok_or_else(|| format!("{what} must be an object").into())
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Result<(), PolicyError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{name} is not known").into()),
        None => Ok(()),
    }
}

/// One text or several. Our policies write numbers and booleans as texts.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, PolicyError> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(PolicyError(format!("{other} must be a text"))),
    };
    match value {
        Value::Array(values) if !values.is_empty() => values.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
