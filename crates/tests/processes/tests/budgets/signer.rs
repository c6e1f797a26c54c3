//! A signed URL: what ours adds to the hashing that nobody can do without.

use std::path::Path;
use std::process::Command;

use crate::callgrind::{Counted, is_here};
use crate::within;

/// Beyond hash and HMAC, for a PUT with a session token of 1,000 characters.
const SIGNING: u64 = 5_600;

#[test]
fn a_url_takes_no_more_instructions_than_it_did() {
    if !is_here() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut build = Command::new(env!("CARGO"));
    // By itself: another crate's features would make it another program.
    build.args([
        "build",
        "--release",
        "--package",
        "slipway-bench-signer",
        "--bin",
        "sign",
    ]);
    build.args(["--message-format", "json"]);
    let output = slipway_processes::as_by_hand(&mut build)
        .current_dir(&root)
        .output();
    let output = output.expect("cargo starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let messages = String::from_utf8(output.stdout).expect("text");
    let messages = messages
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let mut programs = messages.filter_map(|message: serde_json::Value| {
        let program = message["executable"].as_str()?;
        Some(program.to_owned())
    });
    let program = programs.next_back().expect("a program");

    let [nothing, floor, signer] = ["nothing", "floor", "signer"].map(|what| {
        let folder = tempfile::tempdir().expect("a folder");
        let counted = Counted::new(folder.path(), Path::new(&program), what);
        assert!(
            Command::new(&counted.program)
                .status()
                .expect("valgrind starts")
                .success()
        );
        counted.instructions()
    });
    assert!(
        nothing < floor && floor < signer,
        "{nothing} {floor} {signer}"
    );
    eprintln!(
        "instructions of hashing alone: {}",
        (floor - nothing) / 1000
    );
    within(
        "instructions of a URL beyond hashing",
        (signer - floor) / 1000,
        SIGNING,
    );
}
