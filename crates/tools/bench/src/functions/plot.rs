//! The figures as bars.

use super::case::Case;
use super::programs::Program;
use super::results::{CPU, FIRST_CPU, Figure, Results};
use crate::svg::{self, Bar};

/// Every plot with its file name.
pub(super) fn all(results: &Results) -> [(&'static str, String); 2] {
    [
        (
            "start.svg",
            bars(
                results,
                "CPU of a start and its first answer, in ms",
                FIRST_CPU,
            ),
        ),
        (
            "warm.svg",
            bars(results, "CPU of a warm request, in µs", CPU),
        ),
    ]
}

/// A group of bars for each case.
fn bars(results: &Results, title: &str, figure: Figure) -> String {
    let who = [
        Program::Floor,
        Program::Slipway(0),
        Program::Rust,
        Program::Node,
        Program::Python,
    ];
    let groups = Case::SHARED.map(|case| {
        let bar = |who| {
            let value = results.median(results.find(who, case)?, figure)?;
            Some(Bar {
                name: who.label(1).replace("**", ""),
                ours: matches!(who, Program::Slipway(_)),
                value,
            })
        };
        (
            case.label().to_owned(),
            who.into_iter().filter_map(bar).collect(),
        )
    });
    svg::bars(title, &groups)
}
