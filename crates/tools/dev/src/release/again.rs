//! Whether a build in another folder gives the same bytes.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::BuildVariables;
use crate::say;
use crate::workspace;

/// The function that is built again. It is the smallest, and has every crate of the workspace that
/// all functions share.
const FUNCTION: &str = "presign";

/// What a build of the function reads.
const SOURCES: [&str; 8] = [
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "certs",
    "crates",
    "docs",
    "openapi.yaml",
    "template.yaml",
];

/// The compiled dependencies. They do not depend on the folder of the workspace.
const COMPILED: [&str; 3] = [".fingerprint", "build", "deps"];

/// Builds one function in another folder, and compares it with the one in `target/lambda`.
pub(crate) fn is_reproducible(variables: &BuildVariables) -> io::Result<()> {
    let root = workspace::root();
    let folder = root.join("target/release-again");
    let copied = folder.join("another/place");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(&copied)?;
    copy(&root, &SOURCES, &copied)?;
    // Of the functions, and of build scripts and macros.
    let triple = format!("{}-unknown-linux-gnu/release", std::env::consts::ARCH);
    for place in [triple.as_str(), "release"] {
        let place = Path::new("target").join(place);
        let target = copied.join(&place);
        fs::create_dir_all(&target)?;
        copy(&root.join(&place), &COMPILED, &target)?;
        for kind in COMPILED {
            forget_own(&target.join(kind))?;
        }
    }
    say::part("release", &format!("{FUNCTION} in another folder"));
    let mut build = Command::new("cargo-lambda");
    build
        .args(["lambda", "build", "--release", "--package"])
        .arg(format!("slipway-{FUNCTION}"))
        .current_dir(&copied)
        .envs(variables.clone());
    for name in workspace::of_cargo_run() {
        build.env_remove(name);
    }
    workspace::succeed(&mut build)?;
    let binary = Path::new("target/lambda").join(FUNCTION).join("bootstrap");
    let (first, second) = (
        fs::read(root.join(&binary))?,
        fs::read(copied.join(&binary))?,
    );
    let same = first == second;
    fs::remove_dir_all(&folder)?;
    if same {
        return Ok(());
    }
    let at = first.iter().zip(&second).position(|(a, b)| a != b);
    Err(io::Error::other(format!(
        "{FUNCTION} differs between two folders: {} and {} bytes, first at {at:?}",
        first.len(),
        second.len()
    )))
}

/// Copies with modification times, which Cargo compares.
fn copy(from: &Path, names: &[&str], to: &Path) -> io::Result<()> {
    let mut copy = Command::new("cp");
    copy.arg("-a");
    for name in names {
        copy.arg(from.join(name));
    }
    workspace::succeed(copy.arg(to))
}

/// Deletes what was compiled from the workspace, so that it is compiled here.
fn forget_own(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.contains("slipway") && !name.contains(FUNCTION) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
