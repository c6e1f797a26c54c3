//! The content and the format of log lines.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use slipway_core::env::ConfigError;

use crate::subscriber;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `say` logs with these settings.
fn lines(settings: &[(&str, &str)], say: impl FnOnce()) -> Result<Vec<Value>, ConfigError> {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = subscriber(&settings.iter().copied().collect(), move || writer.clone())?;
    tracing::subscriber::with_default(subscriber, say);
    let text = String::from_utf8(buffer.0.lock().expect("not poisoned").clone()).expect("UTF-8");
    let lines = text.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>().expect("JSON lines"))
}

#[test]
fn a_line_is_flat_json_and_carries_its_metrics() {
    let said = || {
        tracing::info!(
            requestId = "r",
            durationMs = 1.5,
            status = 413,
            coldStart = false,
            owner = None::<&str>,
            code = "quota_exceeded",
            metric.Rejected = 1_u64,
            metric.UploadedBytes = Some(7_u64),
            metric.Recorded = None::<u64>,
            "a \"quoted\" word\nand a line"
        );
    };
    let mut line = lines(&[("AWS_LAMBDA_FUNCTION_NAME", "presign")], said)
        .expect("settings")
        .remove(0);
    let timestamp = line["timestamp"].take();
    let timestamp = timestamp.as_str().expect("a time");
    assert!(
        timestamp.ends_with('Z') && timestamp.len() <= 24,
        "{timestamp}"
    );
    assert!(line["_aws"]["Timestamp"].take().as_u64() > Some(1_700_000_000_000));
    assert_eq!(
        line,
        json!({
            "timestamp": null, "level": "INFO", "message": "a \"quoted\" word\nand a line",
            "requestId": "r", "durationMs": 1.5, "status": 413, "coldStart": false,
            "code": "quota_exceeded", "function": "presign", "Rejected": 1, "UploadedBytes": 7,
            "_aws": {
                "Timestamp": null,
                "CloudWatchMetrics": [{
                    "Namespace": "Slipway",
                    "Dimensions": [["function"], ["function", "code"]],
                    "Metrics": [
                        { "Name": "Rejected", "Unit": "Count" },
                        { "Name": "UploadedBytes", "Unit": "Bytes" },
                    ],
                }],
            },
        })
    );
}

#[test]
fn metrics_can_be_switched_off() {
    let said = || tracing::info!(code = "ok", metric.Recorded = 1_u64, "answered");
    let lines = lines(&[("METRICS", "false")], said).expect("settings");
    assert!(lines[0].get("_aws").is_none() && lines[0].get("Recorded").is_none());
    assert_eq!(lines[0]["code"], "ok");
}

#[test]
fn others_never_speak_below_warning() {
    let said = || {
        tracing::info!(target: "tokio_postgres::query", "parameters: [\"secret\"]");
        tracing::trace!(target: "hyper::proto", "GET /?X-Amz-Signature=");
        tracing::debug!(target: "slipway_db", "ours");
        tracing::warn!(target: "hyper::proto", "theirs");
    };
    let lines = lines(&[("LOG_LEVEL", "trace")], said).expect("settings");
    let said: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(said, ["ours", "theirs"]);
    assert_eq!(
        lines[1]["target"], "hyper::proto",
        "a warning says whose it is"
    );
}

#[test]
fn a_level_that_is_none_is_refused() {
    let error = lines(&[("LOG_LEVEL", "verbose")], || ()).expect_err("no such level");
    assert!(error.to_string().contains("LOG_LEVEL"), "{error}");
    assert!(lines(&[("METRICS", "maybe")], || ()).is_err());
}

#[test]
fn a_line_without_a_code_has_metrics_by_function_alone() {
    let said = || tracing::info!(metric.Recorded = 1_u64, "counted");
    let lines = lines(&[], said).expect("settings");
    let directive = &lines[0]["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Dimensions"], json!([["function"]]));
}

#[test]
fn every_line_of_an_invocation_carries_its_id() {
    let said = || {
        let span =
            tracing::error_span!("invocation", requestId = "r", owner = tracing::field::Empty);
        span.in_scope(|| {
            tracing::warn!(code = "timeout", "before");
            span.record("owner", "2bd8");
            tracing::info!("after");
        });
        tracing::info!("outside");
    };
    let lines = lines(&[("LOG_LEVEL", "info")], said).expect("settings");
    assert_eq!(lines[0]["requestId"], "r");
    assert_eq!(lines[0]["code"], "timeout");
    assert!(lines[0].get("owner").is_none());
    assert_eq!(
        (&lines[1]["requestId"], &lines[1]["owner"]),
        (&json!("r"), &json!("2bd8"))
    );
    assert!(lines[2].get("requestId").is_none());
}

#[test]
fn an_id_is_there_however_little_is_logged() {
    let said = || {
        let span = tracing::error_span!("invocation", requestId = "r");
        span.in_scope(|| tracing::error!("failed"));
    };
    let lines = lines(&[("LOG_LEVEL", "error")], said).expect("settings");
    assert_eq!(lines[0]["requestId"], "r");
}

#[test]
fn json_in_a_field_can_be_queried() {
    let said = || {
        let numbers = json!({ "failed": 3 }).to_string();
        tracing::info!(json.numbers = numbers, json.broken = "{", "maintained");
    };
    let lines = lines(&[], said).expect("settings");
    assert_eq!(lines[0]["numbers"]["failed"], 3);
    assert_eq!(lines[0]["broken"], "{");
}
