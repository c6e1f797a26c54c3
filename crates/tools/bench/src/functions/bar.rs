//! What was set out to be reached, as ratios to the floor, and whether it is.

use std::fmt::Write as _;

use super::case::Case;
use super::programs::Who;
use super::results::{CPU, FIRST_CPU, Figure, POLL, RSS, Results, Size};

/// A line of it: whose, what, its figure, and the most that it may be.
type Line = (Case, &'static str, Figure, f64);

const LINES: [Line; 10] = [
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

/// Megabytes (10^6 bytes) of each binary, stripped.
const SIZES: [(Case, f64); 4] = [
    (Case::Presign, 2.2),
    (Case::Files, 8.0),
    (Case::Save, 8.0),
    (Case::Delete, 8.0),
];

/// As a table, with what the tutorials take beside it.
pub(super) fn table(results: &Results, sizes: &[Size]) -> String {
    let mut text = "| function | | at most | measured | | tutorial Rust | Node.js | Python |\n|---|---|---|---|---|---|---|---|\n".to_owned();
    for (case, what, figure, most) in LINES {
        let ratio = |who| {
            results
                .find(who, case)
                .and_then(|at| results.ratio(at, figure))
        };
        let shown = |who| ratio(who).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.1}×"));
        let Some(ours) = ratio(Who::Slipway(0)) else {
            continue;
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {what} | {most}× | **{ours:.2}×** | {} | {} | {} | {} |",
            case.label(),
            verdict(ours, most),
            shown(Who::Rust),
            shown(Who::Node),
            shown(Who::Python),
        );
    }
    for (case, most) in SIZES {
        let size = |who| results.find(who, case).map(|at| sizes[at].file);
        let Some(ours) = size(Who::Slipway(0)) else {
            continue;
        };
        let rust = size(Who::Rust).map_or_else(String::new, |size| format!("{size:.1} MB"));
        let _ = writeln!(
            text,
            "| {} | binary | {most} MB | **{ours:.2} MB** | {} | {rust} | – | – |",
            case.label(),
            verdict(ours, most),
        );
    }
    text
}

/// As it is printed: 1.104 is not above 1.1 for anybody who reads two digits, and 1.106 is.
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
