//! The figures as tables and bars.

use std::fmt::Write as _;

use serde_json::Value;

use crate::svg::{Bar, bars};

/// The ways in the order of the tables: their names in the benchmark, and their descriptions.
const WAYS: [(&str, &str); 7] = [
    ("bare", "bare PUT"),
    ("hand", "by hand"),
    ("client", "`upload()`"),
    ("queue", "`UploadQueue`"),
    ("uppy", "Uppy"),
    ("better", "better-upload"),
    ("tus", "tus-js-client"),
];

/// The tables of times, ratios, requests, memory and long tasks.
pub(super) fn tables(figures: &Value) -> String {
    let mut text = format!(
        "Measured with Chromium {} on {} cores{}: medians of {} rounds, in which all clients took \
         turns; `×` is the median of each round's ratio to *by hand*.\n\n\
         ![Uploads by several clients](performance/web.svg)\n\n### Milliseconds\n\n",
        figures["chromium"].as_str().unwrap_or_default(),
        figures["cores"],
        busy(figures),
        figures["rounds"],
    );
    table(&mut text, figures, |result| {
        let ms = number(result, "ms")?;
        Some(format!("{ms:.0}, {:.2}×", number(result, "ratio")?))
    });
    text.push_str("\n### Requests, and preflights\n\n");
    table(&mut text, figures, |result| {
        Some(format!(
            "{} + {}",
            number(result, "requests")?,
            number(result, "preflights")?
        ))
    });
    text.push_str("\n### Memory, MB, and tasks of 50 ms or longer\n\n");
    table(&mut text, figures, |result| {
        let memory = number(result, "memory")? / 1e6;
        let long = number(result, "longTasks")?;
        let longest = number(result, "longest")?;
        Some(if long > 0.0 {
            format!("{memory:.0}, {long:.0} up to {longest:.0} ms")
        } else {
            format!("{memory:.0}")
        })
    });
    text
}

/// A busy machine makes the milliseconds invalid, which readers must see.
fn busy(figures: &Value) -> String {
    let load = figures["load"].as_f64().unwrap_or_default();
    if load < 1.0 {
        return String::new();
    }
    format!(", **which others kept busy** (a load of {load:.1} before it began)")
}

fn table(text: &mut String, figures: &Value, cell: impl Fn(&Value) -> Option<String>) {
    text.push_str("| |");
    for (_, name) in WAYS {
        // Writing to a String cannot fail.
        let _ = write!(text, " {name} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(WAYS.len()));
    for case in list(&figures["cases"]) {
        let _ = write!(text, "\n| {} |", title(case));
        for (way, _) in WAYS {
            let cell = result(case, way).and_then(&cell);
            let _ = write!(text, " {} |", cell.as_deref().unwrap_or("–"));
        }
    }
    text.push('\n');
}

/// The times as bars, a group for each case.
pub(super) fn plot(figures: &Value) -> String {
    let groups: Vec<_> = list(&figures["cases"])
        .iter()
        .map(|case| {
            let bar = |(way, name): (&str, &str)| {
                Some(Bar {
                    name: name.replace('`', ""),
                    ours: matches!(way, "client" | "queue"),
                    value: number(result(case, way)?, "ms")?,
                })
            };
            (title(case), WAYS.into_iter().filter_map(bar).collect())
        })
        .collect();
    bars("Uploads in Chromium, ms", &groups)
}

fn title(case: &Value) -> String {
    let name = case["name"].as_str().unwrap_or_default();
    let place = if case["link"] == true {
        "on the link"
    } else {
        "locally"
    };
    format!("{name}, {place}")
}

fn result<'a>(case: &'a Value, way: &str) -> Option<&'a Value> {
    list(&case["results"])
        .iter()
        .find(|result| result["way"] == way)
}

fn number(result: &Value, name: &str) -> Option<f64> {
    result[name].as_f64()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_case_is_a_row_and_a_way_without_figures_a_dash() {
        let result = json!({
            "way": "hand", "ms": 100.4, "ratio": 1, "longTasks": 2, "longest": 71.0,
            "requests": 3, "preflights": 1, "memory": 12_600_000,
        });
        let case = json!({"name": "20 MB", "link": false, "results": [result]});
        let figures =
            json!({"chromium": "1", "cores": 2, "rounds": 7, "load": 3.0, "cases": [case]});
        let text = tables(&figures);
        assert!(text.contains("| 20 MB, locally | – | 100, 1.00× | – | – | – | – | – |"));
        assert!(text.contains("| 20 MB, locally | – | 3 + 1 | – |"));
        assert!(text.contains("| – | 13, 2 up to 71 ms | – |"));
        assert!(text.contains("a load of 3.0"));
        assert!(plot(&figures).contains("by hand"));
    }
}
