//! The stage `release`: builds every function as `sam build` does for a deployment, and tests the
//! result.
//!
//! `sam build` builds one function after another. Linking with LTO uses one processor, so one
//! `cargo lambda build` first builds all functions and links two at a time on two processors. `sam
//! build` then finds everything up to date. A test fails if it compiles anything, or if AWS-LC was
//! compiled twice.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use slipway_emulators::guard::Guard;
use slipway_emulators::tools::{for_deployment, next_to};

use super::cargo::prepared;
use crate::say;
use crate::template;
use crate::tools::SAM;
use crate::workspace::{self, Workspace};

pub(super) fn run(state: &Path) -> io::Result<()> {
    let guard = Guard::this()?;
    let tools = for_deployment(&guard, &state.join("tools"), |text| {
        say::part("release", text);
    })?;
    let sam = template::installed(&SAM, state)?;
    // Functions of an earlier build, or functions that are no longer in the template, must not be
    // tested.
    let root = workspace::root();
    match fs::remove_dir_all(root.join(".aws-sam/build")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The tests compare the times of the built files with these marks.
    let marks = root.join("target/release-stage");
    fs::create_dir_all(&marks)?;
    fs::write(marks.join("started"), "")?;
    let mut all = Command::new("cargo-lambda");
    all.args(["lambda", "build", "--release"]);
    for package in Workspace::deployed()? {
        all.args(["--package", &package]);
    }
    say::part("release", "every function with cargo-lambda");
    workspace::succeed_in_root(all.envs(tools.clone()))?;
    fs::write(marks.join("built"), "")?;
    say::part("release", "sam build");
    let mut build = next_to(&sam, "sam");
    template::offline(&mut build).arg("build");
    // The standard library is installed only for this machine's architecture.
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    build.arg("--parameter-overrides");
    build.arg(format!("Architecture={architecture}"));
    workspace::succeed_in_root(build.envs(tools))?;
    fs::write(marks.join("finished"), "")?;
    workspace::succeed_in_root(&mut prepared(&[
        "test",
        "--workspace",
        "--test",
        "release",
        "--test",
        "budgets",
    ])?)
}
