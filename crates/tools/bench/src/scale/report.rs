//! The results as Markdown and as bars.

use std::fmt::Write as _;

use super::ScaleResults;
use crate::svg::{Bar, bars};

/// Two tables: every operation at every size, and every number of writers.
pub(super) fn text(results: &ScaleResults) -> String {
    let mut text = String::from(
        "Blocks of 8 KB that the server touched; its time in ms; the client's time in ms, the median and the 99th percentile.\n\n| user | operation |",
    );
    // Writing to a String cannot fail.
    for rows in &results.rows {
        let _ = write!(
            text,
            " {} rows: blocks | server | p50 / p99 |",
            short(*rows)
        );
    }
    text.push_str("\n|---|---|");
    text.push_str(&"--:|--:|--:|".repeat(results.rows.len()));
    text.push('\n');
    let operations = results.costs.first().map_or(0, Vec::len);
    for at in 0..operations {
        for (column, costs) in results.costs.iter().enumerate() {
            let cost = &costs[at];
            if column == 0 {
                let _ = write!(text, "| {} | {} |", cost.users.name(), cost.what);
            }
            let _ = write!(
                text,
                " {:.0} | {:.2} | {:.1} / {:.1} |",
                cost.blocks, cost.server, cost.p50, cost.p99
            );
        }
        text.push('\n');
    }
    text.push_str("\nWriters that record and delete files without a pause:\n\n| for | writers | statements a second | p50, ms | p99, ms | waiting for a lock | deadlocks |\n|---|--:|--:|--:|--:|--:|--:|\n");
    for crowd in &results.crowds {
        let whom = if crowd.one_user {
            "one user"
        } else {
            "a user each"
        };
        let _ = writeln!(
            text,
            "| {whom} | {} | {:.0} | {:.1} | {:.1} | {:.1} | {} |",
            crowd.writers, crowd.throughput, crowd.p50, crowd.p99, crowd.waiting, crowd.deadlocks
        );
    }
    text
}

/// The blocks of every operation at every size.
pub(super) fn plot(results: &ScaleResults) -> String {
    let operations = results.costs.first().map_or(0, Vec::len);
    let groups: Vec<_> = (0..operations)
        .filter_map(|at| {
            let first = results.costs.first()?.get(at)?;
            let bars = results
                .rows
                .iter()
                .zip(&results.costs)
                .map(|(rows, costs)| Bar {
                    name: format!("{} rows", short(*rows)),
                    ours: true,
                    value: costs[at].blocks,
                });
            Some((
                format!("{}, {} user", first.what, first.users.name()),
                bars.collect(),
            ))
        })
        .collect();
    bars("Blocks of 8 KB touched by one request", &groups)
}

fn short(rows: u64) -> String {
    match rows {
        millions if millions.is_multiple_of(1_000_000) => format!("{} M", millions / 1_000_000),
        rows => format!("{} k", rows / 1000),
    }
}
