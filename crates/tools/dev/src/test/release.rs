//! The stage `release`: every function built as `sam build` builds it for a deployment, and the tests of the result.
//!
//! `sam build` builds one function after another. A link with LTO uses one processor, so we first build all functions by
//! one `cargo lambda build`, which links two at a time on two processors. It runs in the root, as a person would run it.
//! `sam build` then finds everything up to date; a test fails if it compiles anything, or if AWS-LC was compiled twice.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use slipway_emulators::guard::Guard;
use slipway_emulators::tools;

use super::cargo::prepared;
use super::succeed;
use crate::say;
use crate::template;
use crate::workspace::{self, Workspace};

pub(super) fn run(state: &Path) -> io::Result<()> {
    let guard = Guard::this()?;
    let tools = tools::for_deployment(&guard, &state.join("tools"), |text| {
        say::part("release", text);
    })?;
    let sam = template::fetched(&tools::SAM, state)?;
    // The functions of an earlier build, or that are no longer in the template, must not pass for new ones.
    let root = workspace::root();
    match fs::remove_dir_all(root.join(".aws-sam/build")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The tests compare the files of the build with the times of these marks.
    let marks = root.join("target/release-stage");
    fs::create_dir_all(&marks)?;
    fs::write(marks.join("started"), "")?;
    let mut all = Command::new("cargo-lambda");
    all.args(["lambda", "build", "--release"]);
    for package in Workspace::deployed()? {
        all.args(["--package", &package]);
    }
    say::part("release", "every function, by cargo-lambda");
    succeed(all.envs(tools.clone()))?;
    fs::write(marks.join("built"), "")?;
    say::part("release", "the same by sam build");
    let mut build = tools::beside(&sam, "sam");
    template::offline(&mut build).arg("build");
    // Only this machine's architecture has a standard library here.
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    build.arg("--parameter-overrides");
    build.arg(format!("Architecture={architecture}"));
    succeed(build.envs(tools))?;
    fs::write(marks.join("finished"), "")?;
    succeed(&mut prepared(&[
        "test",
        "--workspace",
        "--test",
        "release",
        "--test",
        "budgets",
    ])?)
}
