//! `openapi.yaml` against the running stack: schemathesis sends valid and invalid requests.
//!
//! It fails on every 5xx, on an undescribed response, on a valid request that is refused as
//! malformed, and on a malformed request that is accepted. `openapi/` names the exceptions with
//! reasons.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use slipway_emulators::tools::Pinned;
use slipway_testkit::{cache, guard};

use crate::harness::{Stack, free_port};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stack/openapi");

/// The generators of the requests are pinned as well, since a seed repeats the requests only with
/// the same generators.
const SCHEMATHESIS: Pinned = Pinned {
    name: "schemathesis",
    version: "4.32.5",
    requirements: include_str!("openapi/requirements.txt"),
};

/// The number of files before the first request. Schemathesis may delete them.
const FILES: usize = 5;

#[test]
fn every_response_is_described() {
    assert!(SCHEMATHESIS.is_pinned());
    let folder = tempfile::tempdir().expect("a folder");
    let stack = Stack::start(&folder.path().join("state"), free_port());
    prepare(&stack, folder.path());
    let began = Instant::now();
    let output = schemathesis(&stack, folder.path());
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{wrong}");
    let line = |mark: &str| said.lines().find(|line| line.contains(mark));
    let cases = line(" generated, ").expect("how many requests it made");
    let many = cases.split_whitespace().next().and_then(|n| n.parse().ok());
    assert!(many > Some(200_u32), "it has hardly asked: {said}");
    let seed = line("Seed: ").expect("its seed");
    // Printed past the captured output, since the summary is useful on success too.
    let _ = writeln!(
        io::stderr(),
        "schemathesis   {} ({seed}, {:.1} s)",
        cases.trim(),
        began.elapsed().as_secs_f64()
    );
    stack.kill();
}

/// Uploads some files, and writes their ids and the settings for schemathesis.
fn prepare(stack: &Stack, folder: &Path) {
    let mut ids = String::new();
    for _ in 0..FILES {
        let saved = stack.with_token(
            r#"AUTH="Authorization: Bearer $TOKEN"
            UPLOAD=$(curl -sS -f "$API/presign-upload" -H "$AUTH" -d '{"fileName": "a.txt", "contentType": "text/plain"}')
            curl -sS -f -X PUT "$(printf %s "$UPLOAD" | sed 's/.*"presignedUrl":"\([^"]*\)".*/\1/')" --data-binary abc -H "Content-Type: text/plain"
            KEY=$(printf %s "$UPLOAD" | sed 's/.*"objectKey":"\([^"]*\)".*/\1/')
            curl -sS -f "$API/save-metadata" -H "$AUTH" -d "{\"objectKey\": \"$KEY\"}""#,
        );
        let saved: Value = serde_json::from_str(&saved).expect("JSON");
        writeln!(ids, "{}", saved["file"]["id"]).expect("memory");
    }
    std::fs::write(folder.join("files.txt"), ids).expect("a file");
    let settings = Path::new(HERE).join("schemathesis.toml");
    std::fs::copy(settings, folder.join("schemathesis.toml")).expect("a file");
}

fn schemathesis(stack: &Stack, folder: &Path) -> Output {
    let tools = cache().with_file_name("tools");
    let command = SCHEMATHESIS.command(guard(), &tools, |text| println!("{text}"));
    let setting = |name, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let mut command = command.expect("schemathesis");
    command
        .args(["run", "--no-color", "--url"])
        .arg(format!("http://127.0.0.1:{}", stack.port))
        .args([
            "--header",
            &format!("Authorization: Bearer {}", stack.token()),
        ])
        .args(["--seed", &setting("SLIPWAY_SEED", "1")])
        .args(["--max-examples", &setting("SLIPWAY_EXAMPLES", "20")])
        .arg(Path::new(ROOT).join("openapi.yaml"))
        .env("SCHEMATHESIS_HOOKS", Path::new(HERE).join("excluded.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder)
        .stdin(Stdio::null());
    command.output().expect("it starts")
}
