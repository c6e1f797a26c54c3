//! The report: a line for each check, then the faults and what to do.

use serde::Serialize;
use serde_json::json;

use super::fault::DoctorFault;
use crate::say;

/// The outcome of a check.
#[derive(Clone, Debug)]
pub(crate) enum CheckOutcome {
    /// It passed; this is what was found.
    Well(String),
    /// It passed with a warning.
    Warning(DoctorFault, String),
    /// It failed; this is what was found.
    DoctorFault(DoctorFault, String),
    /// It was skipped, for this reason.
    Skipped(String),
}

/// All checks so far.
#[derive(Debug, Default)]
pub(crate) struct DoctorReport {
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

impl DoctorReport {
    /// An empty report. With `json` it prints nothing until the end.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            lines: Vec::new(),
            quiet: json,
        }
    }

    /// Adds a check. Returns whether later checks may rely on it.
    pub(crate) fn add(&mut self, check: &str, outcome: CheckOutcome) -> bool {
        let (state, fault, said) = match outcome {
            CheckOutcome::Well(said) => ("ok", None, said),
            CheckOutcome::Warning(fault, said) => ("warning", Some(fault), said),
            CheckOutcome::DoctorFault(fault, said) => ("FAULT", Some(fault), said),
            CheckOutcome::Skipped(why) => ("skipped", None, why),
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

    /// The first fault among checks whose names begin with `begin`.
    pub(crate) fn fault_of(&self, checks: &[&str]) -> Option<&'static str> {
        let faults = self.lines.iter().filter(|line| line.state == "FAULT");
        faults
            .filter(|line| checks.contains(&line.check.as_str()))
            .find_map(|line| line.fault)
    }

    /// Prints what to do, or the whole report as JSON. Returns whether nothing is wrong.
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
