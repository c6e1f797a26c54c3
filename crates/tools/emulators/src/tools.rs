//! Finds installed programs, and installs missing ones with pip and npm.

mod pinned;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::guard::{Guard, Program};

pub use pinned::{Pinned, next_to};

/// Older versions lack the router, or the runtime API without functions.
const CARGO_LAMBDA: &str = "cargo-lambda>=1.9,<2";

/// The program `name` in `PATH`.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// cargo-lambda: the installed one, or one that pip installs into `folder`.
pub fn cargo_lambda(guard: &Guard, folder: &Path, say: fn(&str)) -> io::Result<PathBuf> {
    let fetched = folder.join("cargo-lambda");
    let places = [fetched.join("bin"), fetched.join("target/bin")];
    let here = places.iter().map(|dir| dir.join("cargo-lambda"));
    let all = find("cargo-lambda").into_iter().chain(here);
    if let Some(found) = all.clone().find(|exe| is_recent(exe)) {
        return Ok(found);
    }
    say("cargo-lambda is missing or older than 1.9: installing it with pip");
    pip_install(guard, &fetched, &[CARGO_LAMBDA]).map_err(|error| {
        io::Error::other(format!(
            "{error}\nInstall cargo-lambda 1.9 or newer, or python3 with venv or pip so that it \
             can be installed (on Debian: apt-get install python3-venv)"
        ))
    })?;
    let mut all = all;
    all.find(|exe| is_recent(exe)).ok_or_else(|| {
        io::Error::other(
            "the cargo-lambda that pip installed does not run here: install 1.9 or newer",
        )
    })
}

/// Installs the programs that build functions for a deployment, if need be. Returns variables for a
/// child process: `PATH` with cargo-lambda (and the zig of its Python) and `cmake`, and
/// `LIBCLANG_PATH`.
pub fn for_deployment(
    guard: &Guard,
    folder: &Path,
    say: fn(&str),
) -> io::Result<[(&'static str, OsString); 2]> {
    let cargo_lambda = cargo_lambda(guard, folder, say)?;
    let cmake = pinned::CMAKE.command(guard, folder, say)?;
    let packages = packages_beside(Path::new(cmake.get_program()))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let ours = [
        cargo_lambda.parent().map(Path::to_owned),
        // The program itself, without its Python wrapper.
        Some(packages.join("cmake/data/bin")),
    ];
    let path = ours
        .into_iter()
        .flatten()
        .chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).map_err(io::Error::other)?;
    let libclang = packages.join("clang/native").into_os_string();
    Ok([("PATH", path), ("LIBCLANG_PATH", libclang)])
}

/// The folder of the packages that were installed with `program`, in either layout of pip.
fn packages_beside(program: &Path) -> io::Result<PathBuf> {
    let folder = program.ancestors().nth(2).unwrap_or(program);
    let versions = fs::read_dir(folder.join("lib")).into_iter().flatten();
    let versions = versions.flatten().map(|it| it.path().join("site-packages"));
    let mut places = versions.chain([folder.to_owned()]);
    let found = places.find(|place| place.join("clang/native").is_dir());
    found.ok_or_else(|| {
        let folder = folder.display();
        io::Error::other(format!("pip did not install libclang into {folder}"))
    })
}

/// Installs Python packages into `folder`. Their programs are in its `bin`, or without a venv in
/// its `target/bin`.
pub fn pip_install(guard: &Guard, folder: &Path, packages: &[&str]) -> io::Result<()> {
    let python = find("python3").ok_or_else(|| io::Error::other("python3 is not installed"))?;
    let venv = Program::new(&python).args(["-m", "venv"]).args([folder]);
    let quiet = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        // Python compiles the modules of a program when it first runs. Compiling all of them takes
        // longer than the download.
        "--no-compile",
    ];
    // Debian's python3 has no venv by default. pip alone is enough.
    let pip = match run(guard, venv) {
        Ok(()) => Program::new(folder.join("bin/python3")).args(quiet),
        Err(_) => Program::new(&python)
            .args(quiet)
            .args(["--upgrade", "--target"])
            .args([folder.join("target")]),
    };
    run(guard, pip.args(packages))
}

/// Installs an npm package into `folder`, with its install script.
pub fn npm_install(guard: &Guard, folder: &Path, package: &str) -> io::Result<()> {
    let npm = find("npm").ok_or_else(|| io::Error::other("npm is not installed"))?;
    let program = Program::new(npm)
        .args(["install", "--no-save", "--no-audit", "--no-fund"])
        .args(["--ignore-scripts=false", "--prefix"])
        .args([folder.as_os_str(), package.as_ref()])
        .current_dir(folder);
    run(guard, program)
}

/// Runs a program without showing its output. Its error output becomes part of the error.
fn run(guard: &Guard, program: Program) -> io::Result<()> {
    let name = program.name().display().to_string();
    let program = program.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut client = guard.spawn(program)?;
    let mut complaint = String::new();
    if let Some(mut stderr) = client.take_stderr() {
        stderr.read_to_string(&mut complaint)?;
    }
    let status = loop {
        if let Some(status) = client.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(20));
    };
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{name} failed ({status}): {}",
        complaint.trim()
    )))
}

fn is_recent(cargo_lambda: &Path) -> bool {
    let mut command = Command::new(cargo_lambda);
    let done = command.args(["lambda", "--version"]).output();
    done.is_ok_and(|done| version(&String::from_utf8_lossy(&done.stdout)) >= Some((1, 9)))
}

/// `cargo-lambda 1.9.0 (…)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_compare() {
        assert_eq!(
            version("cargo-lambda 1.9.0 (abc 2026-01-01Z)"),
            Some((1, 9))
        );
        assert!(version("cargo-lambda 1.10.2") > Some((1, 9)));
        assert!(version("error: no such command") < Some((1, 9)));
    }
}
