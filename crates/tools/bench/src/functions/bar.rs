//! The goals of the benchmark as ratios to the floor, and whether they are met.

use std::fmt::Write as _;

use super::case::Case;
use super::programs::Program;
use super::results::{CPU, FIRST_CPU, Figure, POLL, RSS, Results, Size};

/// A goal: the program, the figure, its value, and its limit.
type Goal = (Case, &'static str, Figure, f64);

const LINES: [Goal; 10] = [
    (Case::Presign, "spawn to first poll", POLL, 1.1),
    (Case::Presign, "CPU per warm request", CPU, 1.2),
    (Case::Presign, "peak RSS", RSS, 1.15),
    (Case::Presign, "CPU, init + first answer", FIRST_CPU, 1.15),
    (Case::Files, "CPU per warm request", CPU, 6.0),
    (Case::Save, "CPU per warm request", CPU, 5.0),
    (Case::Delete, "CPU per warm request", CPU, 6.0),
    (Case::Files, "CPU, init + first answer", FIRST_CPU, 4.0),
    (Case::Save, "CPU, init + first answer", FIRST_CPU, 4.0),
    (Case::Delete, "CPU, init + first answer", FIRST_CPU, 4.0),
];

/// The size of each binary in MB (10^6 bytes), stripped.
const SIZES: [(Case, f64); 4] = [
    (Case::Presign, 2.2),
    (Case::Files, 8.0),
    (Case::Save, 8.0),
    (Case::Delete, 8.0),
];

/// As a table with the baselines' values.
pub(super) fn table(results: &Results, sizes: &[Size]) -> String {
    let mut text = "| function | | at most | measured | | tutorial Rust | Node.js | Python |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    for (case, what, figure, most) in LINES {
        let ratio = |who| {
            results
                .find(who, case)
                .and_then(|at| results.ratio(at, figure))
        };
        let shown = |who| ratio(who).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.1}×"));
        let Some(ours) = ratio(Program::Slipway(0)) else {
            continue;
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {what} | {most}× | **{ours:.2}×** | {} | {} | {} | {} |",
            case.label(),
            verdict(ours, most),
            shown(Program::Rust),
            shown(Program::Node),
            shown(Program::Python),
        );
    }
    for (case, most) in SIZES {
        let size = |who| results.find(who, case).map(|at| sizes[at].file);
        let Some(ours) = size(Program::Slipway(0)) else {
            continue;
        };
        let rust = size(Program::Rust).map_or_else(String::new, |size| format!("{size:.1} MB"));
        let _ = writeln!(
            text,
            "| {} | binary | {most} MB | **{ours:.2} MB** | {} | {rust} | – | – |",
            case.label(),
            verdict(ours, most),
        );
    }
    text
}

/// Compares the printed values: 1.104 is printed as 1.10 and meets a limit of 1.1; 1.106 does not.
fn verdict(measured: f64, most: f64) -> &'static str {
    if (measured * 100.0).round() <= (most * 100.0).round() {
        "met"
    } else {
        "**missed**"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_of_what_is_printed() {
        assert_eq!(verdict(1.1, 1.1), "met");
        assert_eq!(verdict(1.104, 1.1), "met");
        assert_eq!(verdict(1.106, 1.1), "**missed**");
        assert_eq!(verdict(55.0, 6.0), "**missed**");
    }
}
