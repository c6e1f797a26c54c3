//! The upload rules: what each allows, and the rule for the doctor's own uploads.

use std::io;

use slipway_core::content_type::AllowedTypes;
use slipway_core::env::Environment;
use slipway_core::rules::Rule;
use slipway_core::{RuleName, UploadRules};

use super::Doctor;
use super::report::CheckOutcome;
use super::target::content_type;
use super::trip::BYTES;

/// The upload of the doctor, chosen so that the deployment accepts it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UploadKind {
    /// The rule; `None` if there are none.
    pub(super) rule: Option<String>,
    pub(super) content_type: String,
}

/// Parses the output `UploadRules`.
pub(super) fn read(json: Option<&str>) -> io::Result<UploadRules> {
    let json = json.map(str::to_owned);
    let env = Environment::new(move |_| json.clone());
    UploadRules::from_env(&env).map_err(io::Error::other)
}

/// A content type that passes `patterns` and a rule: `default`, or the first rule that accepts the
/// doctor's file.
pub(super) fn kind(rules: &UploadRules, patterns: &[String]) -> UploadKind {
    let is_default = |name: &RuleName| name.as_str() == "default";
    let mut ordered: Vec<_> = rules.iter().collect();
    ordered.sort_by_key(|(name, _)| !is_default(name));
    let accepted = ordered.iter().find_map(|(name, rule)| {
        let own = rule.content_types().map(AllowedTypes::to_string);
        let own: Vec<String> = own.map_or_else(
            || patterns.to_vec(),
            |own| own.split(", ").map(str::to_owned).collect(),
        );
        let content_type = content_type(&own);
        let all = AllowedTypes::parse(&patterns.join(",")).ok();
        let passes = all.is_none_or(|all| all.check_text(&content_type).is_ok())
            && rule.check_type(&content_type).is_ok()
            && rule.check_size(BYTES.len() as u64).is_ok();
        passes.then(|| UploadKind {
            rule: Some(name.as_str().to_owned()),
            content_type,
        })
    });
    accepted.unwrap_or_else(|| UploadKind {
        rule: ordered.first().map(|(name, _)| name.as_str().to_owned()),
        content_type: content_type(patterns),
    })
}

impl Doctor {
    /// Reports what each rule allows, if there are rules.
    pub(super) fn rules(&mut self) {
        let rules = &self.target.rules;
        if rules.is_empty() {
            return;
        }
        let all: Vec<String> = rules
            .iter()
            .map(|(name, rule)| describe(name, rule))
            .collect();
        self.report.add("rules", CheckOutcome::Well(all.join("; ")));
    }
}

fn describe(name: &RuleName, rule: &Rule) -> String {
    let mut limits = Vec::new();
    limits.extend(rule.content_types().map(AllowedTypes::to_string));
    limits.extend(rule.max_bytes().map(|max| format!("at most {max} bytes")));
    limits.extend(rule.write_once().then(|| "write-once".to_owned()));
    if limits.is_empty() {
        limits.push("everything that the deployment allows".to_owned());
    }
    format!("{name}: {}", limits.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{UploadKind, describe, kind, read};

    #[test]
    fn each_rule_says_what_it_allows() {
        let json = r#"{"avatar": {"contentTypes": ["image/*", "text/plain"], "maxBytes": 2000, "writeOnce": true}, "default": {}}"#;
        let rules = read(Some(json)).unwrap();
        let all: Vec<String> = rules
            .iter()
            .map(|(name, rule)| describe(name, rule))
            .collect();
        assert_eq!(
            all,
            [
                "avatar: image/*, text/plain, at most 2000 bytes, write-once",
                "default: everything that the deployment allows"
            ]
        );
        assert!(read(None).unwrap().is_empty() && read(Some("")).unwrap().is_empty());
        assert!(read(Some("{")).is_err());
    }

    #[test]
    fn it_uploads_under_a_rule_that_accepts_its_file() {
        let of = |json: &str, patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|&p| p.to_owned()).collect();
            let UploadKind { rule, content_type } = kind(&read(Some(json)).unwrap(), &patterns);
            (rule.unwrap_or_default(), content_type)
        };
        let is = |rule: &str, kind: &str| (rule.to_owned(), kind.to_owned());
        assert_eq!(of("", &[]), is("", "text/plain"));
        assert_eq!(
            of(r#"{"a": {}, "default": {}}"#, &[]),
            is("default", "text/plain")
        );
        assert_eq!(
            of(
                r#"{"a": {"maxBytes": 1}, "b": {"contentTypes": ["image/*"]}}"#,
                &["*/*"]
            ),
            is("b", "image/png")
        );
        assert_eq!(
            of(
                r#"{"a": {"contentTypes": ["image/*"]}, "b": {}}"#,
                &["video/*"]
            ),
            is("b", "video/x-slipway-doctor")
        );
        // No rule accepts it. The refusal explains why.
        assert_eq!(of(r#"{"a": {"maxBytes": 1}}"#, &[]), is("a", "text/plain"));
    }
}
