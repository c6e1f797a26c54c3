//! What was found: a line for each check, then what is wrong and what to do.

use serde::Serialize;
use serde_json::json;

use super::fault::Fault;
use crate::say;

/// What a check came to.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It is well: what was seen.
    Well(String),
    /// It works, and is worth a look.
    Warning(Fault, String),
    /// It is wrong: what was seen.
    Fault(Fault, String),
    /// It was not looked at, and why.
    Skipped(String),
}

/// All checks so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
    quiet: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    check: String,
    state: &'static str,
    fault: Option<&'static str>,
    said: String,
    #[serde(rename = "whatToDo")]
    advice: Option<&'static str>,
}

impl Report {
    /// An empty one, which says nothing until its end if it is for a machine.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            lines: Vec::new(),
            quiet: json,
        }
    }

    /// Adds a check; answers whether one may build upon it.
    pub(crate) fn add(&mut self, check: &str, outcome: Outcome) -> bool {
        let (state, fault, said) = match outcome {
            Outcome::Well(said) => ("ok", None, said),
            Outcome::Warning(fault, said) => ("warning", Some(fault), said),
            Outcome::Fault(fault, said) => ("FAULT", Some(fault), said),
            Outcome::Skipped(why) => ("skipped", None, why),
        };
        if !self.quiet {
            say::line(&format!("{state:<8} {check:<14} {said}"));
        }
        self.lines.push(Line {
            check: check.to_owned(),
            state,
            fault: fault.map(|fault| fault.name),
            said,
            advice: fault.map(|fault| fault.advice),
        });
        matches!(state, "ok" | "warning")
    }

    /// The first fault among checks whose names begin so.
    pub(crate) fn fault_of(&self, checks: &[&str]) -> Option<&'static str> {
        let faults = self.lines.iter().filter(|line| line.state == "FAULT");
        faults
            .filter(|line| checks.contains(&line.check.as_str()))
            .find_map(|line| line.fault)
    }

    /// Says what to do, or all of it for a machine; answers whether nothing is wrong.
    pub(crate) fn finish(&self) -> bool {
        let count = |state| self.lines.iter().filter(|line| line.state == state).count();
        let (faults, warnings) = (count("FAULT"), count("warning"));
        if self.quiet {
            let all = json!({ "healthy": faults == 0, "checks": self.lines });
            say::line(&format!("{all:#}"));
            return faults == 0;
        }
        let told = self.lines.iter().filter(|line| line.fault.is_some());
        for line in told {
            say::line(&format!(
                "\n{} ({}): {}\n  What to do: {}",
                line.fault.unwrap_or_default(),
                line.check,
                line.said,
                line.advice.unwrap_or_default()
            ));
        }
        let skipped = count("skipped");
        say::line(&format!(
            "\n{faults} faults, {warnings} warnings, {skipped} checks skipped"
        ));
        faults == 0
    }
}
