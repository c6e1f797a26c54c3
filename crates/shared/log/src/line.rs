//! One event as one JSON line, and its metrics in CloudWatch's Embedded Metric Format.
//!
//! A field `metric.Name` becomes the metric `Name` in the namespace `Slipway`, with the dimension
//! `function`. If the line has a `code`, the metric is also recorded by `function` and `code`.
//! CloudWatch extracts metrics from the log, so no API call is made.
//!
//! A field `json.name` contains JSON and becomes the field `name` with that value, so that queries
//! can use its members.
//!
//! A line includes the fields of the spans around its event. An invocation is a span with its
//! `requestId`, so every line of the invocation has the id, whichever crate writes it.
//!
//! Source of the form: "Specification: Embedded metric format", Amazon CloudWatch User Guide.

use std::fmt::{self, Debug};

use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The namespace of the metrics.
pub const NAMESPACE: &str = "Slipway";

/// The prefix of a metric's field.
const METRIC: &str = "metric.";

/// The prefix of a field whose text is already JSON.
const JSON: &str = "json.";

/// Writes events as lines.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The name of the function.
    pub(crate) function: String,
    /// Set if CloudWatch extracts metrics from the lines.
    pub(crate) metrics: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
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
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                line.json.extend_from_slice(fields.as_str().as_bytes());
            }
        }
        if *meta.level() <= Level::WARN {
            line.spans = line.json.len();
        }
        event.record(&mut line);
        // The source location helps to investigate warnings and errors.
        if *meta.level() <= Level::WARN {
            line.put("target", meta.target());
        }
        if self.metrics && !line.metrics.is_empty() {
            line.put("function", &self.function);
            line.put_metrics(now);
        }
        // The buffer contains only JSON.
        writer.write_str(str::from_utf8(&line.json).map_err(|_| fmt::Error)?)?;
        writer.write_str("}\n")
    }
}

/// Writes the fields of a span in the form that its lines repeat: `,"a":1`.
#[derive(Debug)]
pub(crate) struct SpanFields;

impl<'w> FormatFields<'w> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line {
            json: vec![b'{'],
            ..Line::default()
        };
        fields.record(&mut line);
        let json = line.json.get(1..).unwrap_or_default();
        writer.write_str(str::from_utf8(json).map_err(|_| fmt::Error)?)
    }

    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// A line while it is written: `{"a":1,"b":2`. Values are written straight into the buffer, because
/// every request writes a line.
#[derive(Default)]
struct Line {
    json: Vec<u8>,
    /// The length of the part of `json` whose field names the event must not repeat: code inside a
    /// request may set a field that the request's span has set. Lines of requests themselves repeat
    /// no field and are not searched.
    spans: usize,
    has_code: bool,
    metrics: Vec<(&'static str, u64)>,
}

impl Line {
    fn put(&mut self, name: &str, value: impl Serialize) {
        self.json
            .push(if self.json.is_empty() { b'{' } else { b',' });
        self.write(name);
        self.json.push(b':');
        self.write(value);
    }

    fn write(&mut self, value: impl Serialize) {
        let before = self.json.len();
        // Strings and numbers always serialize, and writing to a Vec cannot fail.
        if serde_json::to_writer(&mut self.json, &value).is_err() {
            self.json.truncate(before);
            self.json.extend(b"null");
        }
    }

    fn field(&mut self, field: &Field, value: impl Serialize) {
        self.has_code |= field.name() == "code";
        if !self.is_in_spans(field.name()) {
            self.put(field.name(), value);
        }
    }

    /// In a string value the quotes would be escaped, so this matches only field names.
    fn is_in_spans(&self, name: &str) -> bool {
        if self.spans == 0 {
            return false;
        }
        let key = format!(",\"{name}\":");
        let spans = self.json.get(..self.spans).unwrap_or_default();
        spans.windows(key.len()).any(|at| at == key.as_bytes())
    }

    fn put_metrics(&mut self, now: OffsetDateTime) {
        let metrics = std::mem::take(&mut self.metrics);
        for (name, value) in &metrics {
            self.put(name, value);
        }
        let dimensions: &[&[&str]] = &[&["function"], &["function", "code"]];
        let embedded = Embedded {
            timestamp: now.unix_timestamp_nanos() / 1_000_000,
            cloud_watch_metrics: [Directive {
                namespace: NAMESPACE,
                dimensions: if self.has_code {
                    dimensions
                } else {
                    &dimensions[..1]
                },
                metrics: metrics
                    .iter()
                    .map(|&(name, _)| Metric {
                        name,
                        unit: unit(name),
                    })
                    .collect(),
            }],
        };
        self.put("_aws", embedded);
    }
}

/// The embedded metric format, as CloudWatch specifies it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Embedded {
    timestamp: i128,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
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
        let json = field.name().strip_prefix(JSON);
        match json.map(|name| (name, serde_json::from_str::<&RawValue>(value))) {
            Some((name, Ok(json))) => self.put(name, json),
            // Invalid JSON is written as text.
            Some((name, Err(_))) => self.put(name, value),
            None => self.field(field, value),
        }
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
