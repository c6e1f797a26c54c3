//! One event as one JSON line, and its metrics in CloudWatch's Embedded Metric Format.
//!
//! A field `metric.Name` becomes the metric `Name` in the namespace `Slipway`, by `function`, and where the line has a
//! `code`, by `function` and `code` as well. CloudWatch reads them out of the log, so no call is made for them.
//! Source of the form: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::fmt::{self, Debug, Write as _};

use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Where the metrics are found.
pub const NAMESPACE: &str = "Slipway";

/// What a metric's field begins with.
const METRIC: &str = "metric.";

/// Writes events as lines.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Whose lines they are.
    pub(crate) function: String,
    /// Whether CloudWatch shall make metrics of them.
    pub(crate) metrics: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = OffsetDateTime::now_utc();
        let meta = event.metadata();
        let mut line = Line::default();
        line.put(
            "timestamp",
            millis(now).format(&Rfc3339).unwrap_or_default(),
        );
        line.put("level", meta.level().as_str());
        event.record(&mut line);
        // Where it was said helps with what should not have happened.
        if *meta.level() <= Level::WARN {
            line.put("target", meta.target());
        }
        if self.metrics && !line.metrics.is_empty() {
            line.put("function", &self.function);
            line.put_metrics(now);
        }
        writeln!(writer, "{}}}", line.json)
    }
}

/// A line that is being written: `{"a":1,"b":2`.
#[derive(Default)]
struct Line {
    json: String,
    has_code: bool,
    metrics: Vec<(&'static str, u64)>,
}

impl Line {
    fn put(&mut self, name: &str, value: impl Serialize) {
        self.json.push(if self.json.is_empty() { '{' } else { ',' });
        // Strings and numbers always serialize.
        let name = serde_json::to_string(name).unwrap_or_default();
        let value = serde_json::to_string(&value).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(self.json, "{name}:{value}");
    }

    fn field(&mut self, field: &Field, value: impl Serialize) {
        self.has_code |= field.name() == "code";
        self.put(field.name(), value);
    }

    fn put_metrics(&mut self, now: OffsetDateTime) {
        let metrics = std::mem::take(&mut self.metrics);
        for (name, value) in &metrics {
            self.put(name, value);
        }
        let names: Vec<_> = metrics
            .iter()
            .map(|(name, _)| json!({ "Name": name, "Unit": unit(name) }))
            .collect();
        let mut dimensions = vec![json!(["function"])];
        if self.has_code {
            dimensions.push(json!(["function", "code"]));
        }
        self.put(
            "_aws",
            json!({
                "Timestamp": now.unix_timestamp_nanos() / 1_000_000,
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": dimensions,
                    "Metrics": names,
                }],
            }),
        );
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name().strip_prefix(METRIC) {
            Some(metric) => self.metrics.push((metric, value)),
            None => self.field(field, value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.field(field, format!("{value:?}"));
    }
}

fn unit(metric: &str) -> &'static str {
    if metric.ends_with("Bytes") {
        "Bytes"
    } else {
        "Count"
    }
}

fn millis(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_millisecond(time.millisecond()).unwrap_or(time)
}
