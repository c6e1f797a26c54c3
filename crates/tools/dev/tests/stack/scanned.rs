//! A stack with `REQUIRE_SCAN`: its scanner tags objects, and its bucket refuses reads of objects
//! that are not tagged as clean.

use std::process::Command;

use crate::harness::{EXE, Stack, eventually, free_port};

/// Presigns and uploads `$1`. Leaves the response in `UPLOAD` and the upload URL in `PUT`.
const UPLOAD: &str = r#"
AUTH="Authorization: Bearer $TOKEN"
member() { printf %s "$2" | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
UPLOAD=$(curl -sS "$API/presign-upload" -H "$AUTH" -d '{"fileName": "a.txt", "contentType": "text/plain"}')
PUT=$(member presignedUrl "$UPLOAD")
put() { curl -sS -o /dev/null -w '%{http_code}' -X PUT "$PUT" -H "Content-Type: text/plain" -H 'If-None-Match: *' --data-binary "$1"; }
file() { curl -sS "$API/files/$(member id "$UPLOAD")" -H "$AUTH"; }
"#;

#[test]
fn a_read_url_serves_only_scanned_objects() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut command = Command::new(EXE);
    command
        .args(["--port", &port.to_string(), "--state"])
        .arg(folder.path())
        .env("REQUIRE_SCAN", "true")
        .env("WRITE_ONCE", "true");
    let stack = Stack::start_by(&mut command, port);

    let first = stack.with_token(&format!("{UPLOAD}put hello; echo; echo \"$UPLOAD\""));
    let (status, upload) = first.split_once('\n').expect("two lines");
    assert_eq!(status, "200", "{first}");
    let later = |script: &str| {
        let functions = UPLOAD.replace("UPLOAD=$(curl", "IGNORED=$(true curl");
        stack.with_token(&format!("UPLOAD='{}'{functions}{script}", upload.trim()))
    };
    // Its event records it, and then the scanner finds it clean.
    eventually("a read URL", || later("file").contains("X-Amz-Signature"));
    let file = later("file");
    let (_, rest) = file.split_once(r#""url":""#).expect("a URL");
    let url = rest.split('"').next().expect("its end").to_owned();
    let read = || later(&format!("curl -sS -w ' %{{http_code}}' '{url}'"));
    assert_eq!(read(), "hello 200");

    let deleted =
        later(r#"curl -sS -X DELETE "$API/files/$(member id "$UPLOAD")" -H "$AUTH"; put evil"#);
    assert_eq!(deleted, r#"{"success":true}200"#);
    let answer = read();
    assert!(
        answer.ends_with(" 403") && !answer.contains("evil"),
        "{answer}"
    );
}
