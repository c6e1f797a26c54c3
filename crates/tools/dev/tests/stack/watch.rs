//! `cargo lambda watch` as the docs describe it: next to `cargo dev services`, with the router of
//! the root manifest.

use std::fs::{File, metadata};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use slipway_emulators::guard::{Guarded, Program};
use slipway_emulators::tools;
use slipway_processes::without_cargo_variables;
use slipway_testkit::{cache, guard};

use crate::harness::{EXE, Stack, eventually, free_port};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");

#[test]
fn the_whole_flow_works_with_cargo_lambda_watch() {
    let folder = tempfile::tempdir().expect("a folder");
    let (env_file, port) = (folder.path().join("watch.env"), free_port());
    let mut services = Command::new(EXE);
    let services = services.args(["services", "--env-file"]).arg(&env_file);
    let stack = Stack::start_by(services.arg("--state").arg(folder.path()), port);
    let mode = metadata(&env_file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Otherwise the first request of each function would wait for its build.
    let _ = slipway_processes::binary("files");
    let log = folder.path().join("watch.log");
    let watch = watch(port, &env_file, &log);
    let shown = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("cargo lambda watch listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });

    let saved = stack.with_token(
        r#"AUTH="Authorization: Bearer $TOKEN"
        UPLOAD=$(curl -sS "$API/presign-upload" -H "$AUTH" -d '{"fileName": "watched.txt", "contentType": "text/plain"}')
        KEY=$(printf %s "$UPLOAD" | sed 's/.*"objectKey":"\([^"]*\)".*/\1/')
        curl -sS -f -X PUT "$(printf %s "$UPLOAD" | sed 's/.*"presignedUrl":"\([^"]*\)".*/\1/')" --data-binary abc -H "Content-Type: text/plain"
        curl -sS "$API/save-metadata" -H "$AUTH" -d "{\"objectKey\": \"$KEY\"}"
        # This one is not confirmed by a client. Its event records it.
        UPLOAD=$(curl -sS "$API/presign-upload" -H "$AUTH" -d '{"fileName": "event.txt", "contentType": "text/plain"}')
        curl -sS -f -X PUT "$(printf %s "$UPLOAD" | sed 's/.*"presignedUrl":"\([^"]*\)".*/\1/')" --data-binary abc -H "Content-Type: text/plain""#,
    );
    assert!(
        saved.contains(r#""fileName":"watched.txt""#),
        "{saved}\n{}",
        shown()
    );
    eventually("both files, one of them by its event", || {
        let list = stack.list();
        list.contains("watched.txt") && list.contains("event.txt")
    });
    let rest = stack.with_token(
        r#"AUTH="Authorization: Bearer $TOKEN"
        ID=$(curl -sS "$API/files" -H "$AUTH" | sed 's/.*"id":"\([^"]*\)".*/\1/')
        curl -sS "$API/files/$ID" -H "$AUTH"; echo
        curl -sS -X DELETE "$API/files/$ID" -H "$AUTH"; echo
        curl -sS "$API/files/$ID" -H "$AUTH"; echo
        PARTS=$(curl -sS "$API/multipart-uploads" -H "$AUTH" -d '{"fileName": "a", "contentType": "a/b", "size": 9000000, "partSize": 5242880}')
        ID=$(printf %s "$PARTS" | sed 's/.*"id":"\([^"]*\)".*/\1/')
        curl -sS "$API/multipart-uploads/$ID/parts" -H "$AUTH" -d '{"partNumbers": [1, 2]}'; echo
        curl -sS -X DELETE "$API/multipart-uploads/$ID" -H "$AUTH"; echo
        curl -sS "$API/usage" -H "$AUTH"; echo"#,
    );
    assert_eq!(
        rest.matches(r#""success":true"#).count(),
        5,
        "{rest}\n{}",
        shown()
    );
    assert!(rest.contains(r#""code":"not_found""#), "{rest}");
    assert!(rest.contains(r#""files":1"#), "{rest}");
    drop(watch);
    stack.kill();
}

/// Starts it as the docs describe, on a free port.
fn watch(port: u16, env_file: &Path, log: &Path) -> Guarded {
    let folder = cache().with_file_name("tools");
    let cargo_lambda = tools::cargo_lambda(guard(), &folder, |text| println!("{text}"));
    let cargo_lambda = cargo_lambda.expect("cargo-lambda");
    let log = File::create(log).expect("a log");
    let mut program = Program::new(cargo_lambda)
        .args(["lambda", "watch", "-A", "127.0.0.1", "--env-file"])
        .args([env_file])
        .args(["-P", &port.to_string(), "--ignore-changes"])
        .current_dir(ROOT)
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    // The variables that cargo sets for a test would make it build everything again.
    for (name, value) in without_cargo_variables(&mut Command::new("cargo")).get_envs() {
        if value.is_none() {
            program = program.env_remove(name);
        }
    }
    guard().spawn(program).expect("cargo lambda watch starts")
}
