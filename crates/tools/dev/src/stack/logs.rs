//! Formats the functions' log lines for people.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

use serde_json::{Map, Value};
use slipway_emulators::capture;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use crate::say;

/// Prints every line of an instance with its function's name, until the pipe is closed.
pub(super) fn follow(function: &str, output: impl Into<OwnedFd>) -> io::Result<()> {
    let pipe = pipe::Receiver::from_owned_fd(output.into())?;
    let function = function.to_owned();
    let mut log = capture::log(&function)?;
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(log) = &mut log {
                // Only tests use this file, and they fail if a line is missing.
                let _ = writeln!(log, "{line}");
            }
            say::part(&function, &readable(&line));
        }
    });
    Ok(())
}

/// Fields that are left out.
const NOISE: [&str; 8] = [
    "timestamp",
    "target",
    "coldStart",
    "requestId",
    "traceId",
    "owner",
    "function",
    "_aws",
];

/// A JSON line as `POST 200 1.2 ms`; any other line unchanged.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    for noise in NOISE {
        fields.remove(noise);
    }
    let level = take(&mut fields, "level");
    let message = take(&mut fields, "message");
    let mut words = Vec::new();
    if level != "INFO" {
        words.push(level);
    }
    // The outcome of a request says more than the message.
    if fields.contains_key("status") {
        words.extend([take(&mut fields, "route"), take(&mut fields, "status")]);
        if let Some(duration) = fields.remove("durationMs").and_then(|ms| ms.as_f64()) {
            words.push(format!("{duration:.1} ms"));
        }
        let code = take(&mut fields, "code");
        words.push(if code == "ok" { String::new() } else { code });
    } else {
        words.push(message);
    }
    words.extend(fields.iter().filter(|(_, value)| **value != 0).map(
        |(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        },
    ));
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

fn take(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.remove(name) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn log_lines_are_shortened() {
        let check = |line: &str, readable_line: &str| assert_eq!(readable(line), readable_line);
        check("thread 'main' panicked", "thread 'main' panicked");
        check(
            r#"{"timestamp":"t","level":"INFO","message":"answered","requestId":"r","route":"POST /files/{id}","status":200,"durationMs":1.234,"coldStart":false,"target":"slipway_api"}"#,
            "POST /files/{id} 200 1.2 ms",
        );
        check(
            r#"{"level":"ERROR","message":"failed","route":"GET /files","status":503,"code":"unavailable","cause":"connect: refused","durationMs":2.0}"#,
            "ERROR GET /files 503 2.0 ms unavailable cause=connect: refused",
        );
        check(
            r#"{"level":"INFO","message":"events taken","ok":true,"recorded":1,"unchanged":0}"#,
            "events taken ok=true recorded=1",
        );
    }
}
