//! The doctor's output, which must never contain a secret.

use std::process::Output;

use serde_json::Value;

/// The report of one examination.
#[derive(Debug)]
pub(crate) struct ParsedReport {
    checks: Vec<Value>,
}

impl ParsedReport {
    /// Parses the output.
    pub(crate) fn read(output: &Output, token: &str) -> Self {
        let text = String::from_utf8(output.stdout.clone()).expect("text");
        let errors = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("no report ({error}): {text}{errors}");
        });
        let said = format!("{text}{errors}");
        for secret in [token, "X-Amz-", "test-secret", "thirty-two bytes"] {
            assert!(!said.contains(secret), "it says {secret}: {said}");
        }
        let checks = report["checks"].as_array().expect("checks").clone();
        let healthy = !checks.iter().any(|check| check["state"] == "FAULT");
        assert_eq!(report["healthy"], healthy, "{said}");
        assert_eq!(output.status.code(), Some(i32::from(!healthy)), "{said}");
        Self { checks }
    }

    /// The names of all faults and warnings, in order.
    #[track_caller]
    pub(crate) fn finds(&self, faults: &[&str]) {
        let found: Vec<&str> = self
            .checks
            .iter()
            .filter_map(|check| check["fault"].as_str())
            .collect();
        assert_eq!(found, faults, "{:#?}", self.checks);
        for check in &self.checks {
            let advised = check["whatToDo"]
                .as_str()
                .is_some_and(|advice| advice.len() > 20);
            assert_eq!(advised, check["fault"].is_string(), "{check}");
        }
    }

    /// The checks with this outcome, each once.
    pub(crate) fn in_state(&self, state: &str) -> Vec<&str> {
        let in_state = self.checks.iter().filter(|check| check["state"] == state);
        let mut names: Vec<&str> = in_state
            .filter_map(|check| check["check"].as_str())
            .collect();
        names.dedup();
        names
    }

    /// The text of a check.
    pub(crate) fn text_of(&self, name: &str) -> &str {
        let check = self.checks.iter().find(|check| check["check"] == name);
        check
            .and_then(|check| check["said"].as_str())
            .expect("the check")
    }
}
