//! A first use of `cargo dev`: one command, its printed lines pasted into a shell, and its end.

use std::process::Command;

use crate::harness::{EXE, Stack, bash, eventually, free_port};
use crate::{attack, reload, upkeep};

#[test]
fn the_printed_lines_work_and_no_process_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let stack = Stack::start(folder.path(), port);

    let said = bash(&stack.transcript);
    // Saved, listed, read, deleted, and no longer in the list.
    assert_eq!(said.matches(r#""success":true"#).count(), 4, "{said}");
    assert_eq!(
        said.matches(r#""fileName":"hello.txt""#).count(),
        2,
        "{said}"
    );
    assert!(said.contains("Hello, Slipway\n"), "{said}");
    assert!(
        said.trim_end()
            .ends_with(r#"{"success":true,"files":[],"nextCursor":null}"#),
        "{said}"
    );

    // Unconfirmed: its event records it.
    stack.with_token(
        r#"UPLOAD=$(curl -sS "$API/presign-upload" -H "Authorization: Bearer $TOKEN" -d '{"fileName": "event.txt", "contentType": "text/plain", "size": 3}')
        curl -sS -f -X PUT "$(printf %s "$UPLOAD" | sed 's/.*"presignedUrl":"\([^"]*\)".*/\1/')" --data-binary abc -H "Content-Type: text/plain""#,
    );
    eventually("an unconfirmed file", || stack.list().contains("event.txt"));

    // A batch has one of the longest responses.
    let batch = stack.with_token(
        r#"FILE='{"fileName": "a.txt", "contentType": "text/plain"}'
        FILES=$(for _ in $(seq 99); do printf '%s,' "$FILE"; done)
        curl -sS "$API/presign-upload" -H "Authorization: Bearer $TOKEN" -d "{\"files\": [$FILES$FILE]}""#,
    );
    assert_eq!(batch.matches("presignedUrl").count(), 100, "{batch}");

    // The doctor finds the running stack, and no fault.
    let doctor = || {
        let mut doctor = Command::new(EXE);
        let doctor = doctor.args(["doctor", "--state"]).arg(folder.path());
        doctor.output().expect("it starts")
    };
    let examined = doctor();
    let said = String::from_utf8_lossy(&examined.stdout);
    assert!(examined.status.success(), "{said}");
    assert!(said.contains("0 faults, 0 warnings"), "{said}");
    for check in [
        "row-security",
        "api-cors",
        "bucket-cors",
        "download-name",
        "events",
        "clean-up",
    ] {
        assert!(
            said.contains(&format!("ok       {check}")),
            "{check}: {said}"
        );
    }

    attack::gets_nothing(&stack);
    reload::loses_no_request(&stack);

    // A function that ends is restarted.
    let functions = stack.processes("files");
    assert!(!functions.is_empty(), "files was running");
    for pid in functions {
        bash(&format!("kill -9 {pid}"));
    }
    eventually("files, after it died", || {
        stack.list().contains("event.txt")
    });

    // A second stack in the same folder fails with a clear message.
    let second = Command::new(EXE)
        .args(["--port", "1", "--state"])
        .arg(folder.path())
        .output()
        .expect("it starts");
    assert!(!second.status.success());
    assert!(!second.stderr.is_empty());

    let token = stack.transcript.lines().next().expect("a token").to_owned();
    stack.kill();
    assert!(String::from_utf8_lossy(&doctor().stderr).contains("start `cargo dev`"));

    // Files, keys and tokens survive a restart.
    let mut again = Stack::start(folder.path(), port);
    again.transcript = token;
    let list = again.list();
    assert!(list.contains("event.txt"), "{list}");
    // Last, since one of the lines deletes all files.
    upkeep::works_as_pasted(folder.path());
    again.kill();
}
