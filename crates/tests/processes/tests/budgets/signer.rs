//! The cost of a signed URL: what our signer adds to the hashes that SigV4 requires.

use std::path::Path;
use std::process::Command;

use crate::callgrind::{Counted, is_installed};
use crate::within;

/// Instructions beyond SHA-256 and HMAC, for a PUT with a session token of 1,000 characters.
const SIGNING: u64 = 5_600;

#[test]
fn a_signed_url_stays_within_its_instruction_budget() {
    if !is_installed() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let mut build = Command::new(env!("CARGO"));
    // Built as a package of its own, since features of other packages would change the program.
    build.args([
        "build",
        "--release",
        "--package",
        "slipway-bench-signer",
        "--bin",
        "sign",
    ]);
    build.args(["--message-format", "json"]);
    let output = slipway_processes::without_cargo_variables(&mut build)
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
