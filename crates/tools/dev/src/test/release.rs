//! The stage `release`: builds every function as `sam build` does for a deployment, tests the
//! result, packs the release archive, and deploys from it against an emulator.
//!
//! `sam build` builds one function after another. Linking with LTO uses one processor, so one
//! `cargo lambda build` first builds all functions and links two at a time on two processors. `sam
//! build` then finds everything up to date. A test fails if it compiles anything, or if AWS-LC was
//! compiled twice. The archive is packed from the same binaries.

use std::fs;
use std::io;
use std::path::Path;

use slipway_emulators::tools::next_to;

use super::cargo::prepared;
use crate::release;
use crate::say;
use crate::template;
use crate::tools::SAM;
use crate::workspace;

pub(super) fn run(state: &Path) -> io::Result<()> {
    let variables = release::variables(state)?;
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
    release::build(&variables)?;
    fs::write(marks.join("built"), "")?;
    say::part("release", "sam build");
    let mut build = next_to(&sam, "sam");
    template::offline(&mut build).arg("build");
    // The standard library is installed only for this machine's architecture.
    build.arg("--parameter-overrides");
    build.arg(format!("Architecture={}", release::architecture()));
    workspace::succeed_in_root(build.envs(variables.clone()))?;
    fs::write(marks.join("finished"), "")?;
    workspace::succeed_in_root(&mut prepared(&[
        "test",
        "--workspace",
        "--test",
        "release",
        "--test",
        "budgets",
    ])?)?;
    say::part("release", "the archive, deployed as its guide says");
    release::rehearse(&release::archive()?, state)?;
    release::is_reproducible(&variables)
}
