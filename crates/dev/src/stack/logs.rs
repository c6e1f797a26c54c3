//! What the functions print, as lines for a person.

use std::io;
use std::os::fd::OwnedFd;

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

use crate::say;

/// Prints every line of an instance under its function's name, until the pipe ends.
pub(super) fn follow(function: &str, output: impl Into<OwnedFd>) -> io::Result<()> {
    let pipe = pipe::Receiver::from_owned_fd(output.into())?;
    let function = function.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            say::part(&function, &readable(&line));
        }
    });
    Ok(())
}

/// A JSON line of ours as `POST 200 1.2 ms`; anything else as it is.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    for noise in ["timestamp", "target", "cold_start", "request_id"] {
        fields.remove(noise);
    }
    let level = take(&mut fields, "level");
    let message = take(&mut fields, "message");
    let mut words = Vec::new();
    if level != "INFO" {
        words.push(level);
    }
    // Of a request its outcome says more than the message does.
    if fields.contains_key("status") {
        words.extend([take(&mut fields, "method"), take(&mut fields, "status")]);
        if let Some(duration) = fields.remove("duration_ms").and_then(|ms| ms.as_f64()) {
            words.push(format!("{duration:.1} ms"));
        }
        words.push(take(&mut fields, "code"));
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
    fn lines_become_short() {
        let check = |line: &str, readable_line: &str| assert_eq!(readable(line), readable_line);
        check("thread 'main' panicked", "thread 'main' panicked");
        check(
            r#"{"timestamp":"t","level":"INFO","message":"answered","request_id":"r","method":"POST","status":200,"duration_ms":1.234,"cold_start":false,"target":"slipway_api"}"#,
            "POST 200 1.2 ms",
        );
        check(
            r#"{"level":"ERROR","message":"failed","method":"GET","status":503,"code":"unavailable","cause":"connect: refused","duration_ms":2.0}"#,
            "ERROR GET 503 2.0 ms unavailable cause=connect: refused",
        );
        check(
            r#"{"level":"INFO","message":"events taken","ok":true,"recorded":1,"unchanged":0}"#,
            "events taken ok=true recorded=1",
        );
    }
}
