//! The guard that ends the programs of a test process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::SystemTime;

use slipway_emulators::guard::Guard;

/// The guard of this process. Its keeper is `slipway-guard`, which is built if it is missing or
/// older than its source.
#[must_use]
pub fn guard() -> &'static Guard {
    static GUARD: LazyLock<Guard> = LazyLock::new(|| Guard::new(program()));
    &GUARD
}

fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("SLIPWAY_GUARD") {
        return program.into();
    }
    // A test binary is at `target/<profile>/deps/name-hash`.
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("a target folder");
    let program = folder.join("slipway-guard");
    if modified(&program) < newest_source() {
        build(folder);
    }
    program
}

fn build(folder: &Path) {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--quiet", "--package", "slipway-testkit"])
        .args(["--bin", "slipway-guard"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().expect("cargo starts");
    assert!(status.success(), "building slipway-guard failed: {status}");
}

fn newest_source() -> Option<SystemTime> {
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tools/emulators/src/guard"
    );
    let files = std::fs::read_dir(source).expect("the guard's source");
    files
        .flatten()
        .filter_map(|file| modified(&file.path()))
        .max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata()
        .and_then(|metadata| metadata.modified())
        .ok()
}
