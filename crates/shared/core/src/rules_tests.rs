//! Rules as operators write them.

use proptest::prelude::*;

use super::*;
use crate::Code;

fn rules(json: &str) -> Result<UploadRules, String> {
    let env = [("UPLOAD_RULES", json)].into_iter().collect();
    UploadRules::from_env(&env).map_err(|error| error.to_string())
}

const EXAMPLE: &str = r#"{"avatar": {"contentTypes": ["image/*", "application/PDF"], "maxBytes": 2000000, "writeOnce": true},
 "default": {}}"#;

#[test]
fn the_example_of_the_contract() {
    let rules = rules(EXAMPLE).expect("rules");
    let (name, avatar) = rules.choose(Some("avatar")).expect("a rule").expect("it");
    assert_eq!(name.as_str(), "avatar");
    assert!(avatar.write_once());
    assert_eq!(avatar.max_bytes(), Some(2_000_000));
    assert!(
        avatar.check_type("Image/PNG; x").is_ok() && avatar.check_type("application/pdf").is_ok()
    );
    let refused = avatar.check_type("text/html").expect_err("no image");
    assert_eq!(refused.code(), Code::TypeNotAllowed);
    assert!(refused.client_message().contains("image/*"), "{refused}");
    assert!(avatar.check_size(2_000_000).is_ok());
    let refused = avatar.check_size(2_000_001).expect_err("too large");
    assert_eq!(refused.code(), Code::FileTooLarge);

    let (name, default) = rules.choose(None).expect("a rule").expect("default");
    assert_eq!((name.as_str(), default), ("default", &Rule::default()));
    assert!(!default.write_once());
    assert!(default.check_type("text/html").is_ok() && default.check_size(u64::MAX).is_ok());

    for unknown in ["", "Avatar", "avatar ", "nothing", &"a".repeat(33)] {
        let refused = rules.choose(Some(unknown)).expect_err(unknown);
        assert_eq!(refused.code(), Code::InvalidRequest);
        assert!(
            refused.client_message().contains("avatar, default"),
            "{refused}"
        );
    }
}

#[test]
fn without_a_default_a_rule_is_required_and_without_rules_it_is_refused() {
    let only = rules(r#"{"a": {}, "b": {}}"#).expect("rules");
    let refused = only.choose(None).expect_err("required");
    assert!(refused.client_message().contains("a, b"), "{refused}");
    for none in ["", " ", "{}"] {
        let none = rules(none).expect("no rules");
        assert_eq!(none.choose(None).expect("none"), None);
        let refused = none.choose(Some("a")).expect_err("a rule");
        assert_eq!(refused.code(), Code::InvalidRequest);
    }
}

#[test]
fn a_wrong_configuration_fails_with_its_reason() {
    let many: Vec<_> = (0..33).map(|at| format!(r#""{at}":{{}}"#)).collect();
    for (json, why) in [
        ("{".to_owned(), "EOF"),
        ("[]".to_owned(), "an object with a rule"),
        (r#"{"a": []}"#.to_owned(), "not as expected"),
        (r#"{"a": 1}"#.to_owned(), "not as expected"),
        (r#"{"A": {}}"#.to_owned(), "a-z, 0-9"),
        (r#"{"": {}}"#.to_owned(), "a-z, 0-9"),
        (r#"{"a": {}, "a": {}}"#.to_owned(), "twice"),
        (r#"{"a": {"maxbytes": 1}}"#.to_owned(), "unknown field"),
        (
            r#"{"a": {"maxBytes": 1, "maxBytes": 1}}"#.to_owned(),
            "duplicate field",
        ),
        (r#"{"a": {"maxBytes": -1}}"#.to_owned(), "invalid value"),
        (r#"{"a": {"maxBytes": "1"}}"#.to_owned(), "invalid type"),
        (r#"{"a": {"writeOnce": 1}}"#.to_owned(), "invalid type"),
        (
            r#"{"a": {"contentTypes": "image/*"}}"#.to_owned(),
            "not as expected",
        ),
        (r#"{"a": {"contentTypes": []}}"#.to_owned(), "patterns"),
        (
            r#"{"a": {"contentTypes": ["image"]}}"#.to_owned(),
            "patterns",
        ),
        (
            r#"{"a": {"contentTypes": ["image/png,text/plain"]}}"#.to_owned(),
            "patterns",
        ),
        (format!("{{{}}}", many.join(",")), "at most 32"),
        (format!("{}{}", EXAMPLE, " ".repeat(1024)), "1024 bytes"),
    ] {
        let problem = rules(&json).expect_err(&json);
        assert!(
            problem.contains("UPLOAD_RULES") && problem.contains(why),
            "{json}: {problem}"
        );
    }
    let many = many[..32].join(",");
    assert!(rules(&format!("{{{many}}}")).is_ok());
}

proptest! {
    #[test]
    fn names_are_short_and_plain(name in "[a-z0-9-]{0,40}|\\PC{0,4}") {
        let plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        prop_assert_eq!(RuleName::parse(&name).is_some(), plain && (1..=32).contains(&name.len()));
    }

    #[test]
    fn no_configuration_panics(json in ".{0,80}|\\{\"a\":\\{[a-zA-Z0-9\":,\\[\\]*/]{0,60}\\}\\}") {
        let _ = rules(&json);
    }
}
