//! The section about the functions in docs/performance.md.

use std::fmt::Write as _;
use std::{fs, io};

use super::parts::{PARTS, Parts};
use super::programs::Program;
use super::results::{
    BUSY_CPU, CPU, FIRST, FIRST_CPU, Figure, MEAN, P50, P99, PER_SECOND, POLL, POLL_CPU, RSS,
    Results, Size,
};
use super::rounds::Contender;
use super::{FunctionsOptions, bar, cost};

/// The whole section.
pub(super) fn write(
    options: &FunctionsOptions,
    results: &Results,
    sizes: &[Size],
    quota: Option<&Results>,
    parts: &[Parts],
) -> io::Result<String> {
    let FunctionsOptions {
        starts,
        rounds,
        requests,
        ..
    } = options;
    let mut text = format!(
        "Measured on {}{}: medians of {} starts and of {rounds} rounds of {requests} requests, all programs in turn in each \
         round; `×` is the median of each round's ratio to the floor.\n",
        machine(),
        if options.busy > 0.5 {
            format!(
                ", **which others kept busy** (a load of {:.1} before it began)",
                options.busy
            )
        } else {
            String::new()
        },
        starts + rounds,
    );
    let mut part = |title: &str, body: &str| {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n### {title}\n\n{}\n", body.trim_end());
    };
    part("The bar", &bar::table(results, sizes));
    let pictures = "![CPU of a start and its first answer](performance/start.svg)\n\n![CPU of a warm request](performance/warm.svg)";
    part("In pictures", pictures);
    let start = [
        ("to the first poll, ms", POLL, true),
        ("CPU until then, ms", POLL_CPU, true),
        ("first answer, ms", FIRST, false),
        ("CPU, init + first answer, ms", FIRST_CPU, true),
    ];
    part(
        "A start and its first answer",
        &table(results, &start, None),
    );
    let warm = [
        ("p50, µs", P50, false),
        ("p99, µs", P99, false),
        ("CPU per request, µs", CPU, true),
        ("CPU back to back, µs", BUSY_CPU, true),
        ("requests/s", PER_SECOND, false),
        ("peak RSS, MB", RSS, true),
    ];
    part("Warm", &table(results, &warm, Some(sizes)));
    part("What a start consists of", &parts_table(parts));
    let few = [
        ("to the first poll, ms", POLL, true),
        ("first answer, ms", FIRST, false),
        ("warm p50, µs", P50, true),
        ("warm mean, µs", MEAN, true),
    ];
    let left_out = || "Left out: this run had none.".to_owned();
    let quota_text = quota.map_or_else(left_out, |quota| table(quota, &few, None));
    part("With a fourteenth of a core", &quota_text);
    part("What it costs", &cost::table(results, quota)?);
    Ok(text)
}

/// A row for each contender, in the order of the cases, and a column for each figure, with its
/// ratio to the floor if requested.
fn table(results: &Results, figures: &[(&str, Figure, bool)], sizes: Option<&[Size]>) -> String {
    let contenders = &results.contenders;
    let ours = contenders
        .iter()
        .filter(|it| matches!(it.who, Program::Slipway(_)));
    let builds = ours.filter(|it| it.case == contenders[1].case).count();
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    order.sort_by_key(|at| {
        let Contender { who, case } = contenders[*at];
        (who != Program::Floor, case, who)
    });
    let mut head = vec!["function".to_owned(), "program".to_owned()];
    for (title, _, ratio) in figures {
        head.push((*title).to_owned());
        head.extend(ratio.then(|| "×".to_owned()));
    }
    if sizes.is_some() {
        head.extend(["code, MB".to_owned(), "zip, MB".to_owned()]);
    }
    let mut rows = vec![head];
    for at in order {
        let Contender { who, case } = contenders[at];
        let label = if who == Program::Floor {
            "`{}`"
        } else {
            case.label()
        };
        let mut row = vec![label.to_owned(), who.label(builds)];
        for (_, figure, ratio) in figures {
            row.push(or_dash(results.median(at, *figure)));
            row.extend(ratio.then(|| or_dash(results.ratio(at, *figure))));
        }
        if let Some(sizes) = sizes {
            row.extend([digits(sizes[at].file), digits(sizes[at].zip)]);
        }
        rows.push(row);
    }
    lines(&rows)
}

fn parts_table(parts: &[Parts]) -> String {
    let ms = |ms: f64| format!("{ms:.2}");
    let builds = parts
        .iter()
        .filter(|it| matches!(it.who, Program::Slipway(_)) && it.case == parts[0].case)
        .count();
    let title = |part: &Parts| {
        let who = part.who.label(builds).replace("**", "");
        format!("{}, {who}", part.case.function())
    };
    let mut rows = vec![
        std::iter::once("CPU, ms".to_owned())
            .chain(parts.iter().map(title))
            .collect(),
    ];
    for (at, what) in PARTS.iter().enumerate() {
        let cells = parts
            .iter()
            .map(|part| part.ms[at].map_or_else(|| "–".to_owned(), ms));
        rows.push(std::iter::once((*what).to_owned()).chain(cells).collect());
    }
    let sums = parts.iter().map(|part| ms(part.ms.iter().flatten().sum()));
    rows.push(
        std::iter::once("**together**".to_owned())
            .chain(sums)
            .collect(),
    );
    lines(&rows)
}

/// A Markdown table. The first row is its head.
fn lines(rows: &[Vec<String>]) -> String {
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| format!("| {} |", row.join(" | ")))
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    lines.insert(1, format!("|{}", "---|".repeat(columns)));
    lines.join("\n")
}

fn or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), digits)
}

/// A number with three significant digits.
fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// The machine of the measurement.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unnamed CPU", |(_, model)| model.trim());
    let kernel = read("/proc/sys/kernel/osrelease");
    let release = kernel.split('-').next().unwrap_or_default().trim();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {model}, Linux {release}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_markdown_table() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let text = lines(&[row(["a", "b"]), row(["1", "2"])]);
        assert_eq!(text, "| a | b |\n|---|---|\n| 1 | 2 |");
    }

    #[test]
    fn numbers_have_three_significant_digits() {
        let shown = [0.1234, 1.004, 56.78, 1234.5].map(digits);
        assert_eq!(shown, ["0.12", "1.00", "56.8", "1234"]);
    }
}
