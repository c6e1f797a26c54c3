//! Builds the baselines, which are written as tutorials do, from their lock files into ignored
//! folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use slipway_emulators::guard::Guard;
use slipway_emulators::tools;

use crate::{root, say};

/// Builds the addon of the runtime client.
const CMAKE: &str = "cmake==4.4.4";

fn source() -> PathBuf {
    root().join("crates/tools/bench/baselines")
}

/// Builds the Rust baseline with a target folder of its own, since its features differ from ours.
pub(super) fn rust() -> io::Result<PathBuf> {
    say("building the tutorials' Rust: minutes, once");
    let target = root().join("target/bench-tutorial");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--release", "--locked"])
        // Our configuration does not apply to the baseline (.cargo/config.toml).
        .env("AWS_LC_SYS_NO_JITTER_ENTROPY", "0")
        .env("CARGO_TARGET_DIR", &target);
    run(&mut cargo, &source().join("rust"))?;
    Ok(target.join("release/baseline-tutorial"))
}

/// Installs and bundles the Node.js baseline. Returns its folder.
pub(super) fn node(guard: &Guard) -> io::Result<PathBuf> {
    let folder = root().join(".slipway/bench/node");
    let lock = fs::read(source().join("node/package-lock.json"))?;
    let done = folder.join("installed");
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json", "index.js"] {
        fs::copy(source().join("node").join(file), folder.join(file))?;
    }
    if fs::read(&done).ok().as_ref() != Some(&lock) {
        say("installing the tutorials' Node.js and its runtime client: minutes, once");
        let cmake = root().join(".slipway/bench/cmake");
        tools::pip_install(guard, &cmake, &[CMAKE])?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let ours = [cmake.join("bin"), cmake.join("target/bin")];
        let path = std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&path)));
        let mut npm = Command::new("npm");
        npm.args([
            "ci",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts=false",
            "--loglevel=error",
        ])
        .env("PATH", path.map_err(io::Error::other)?)
        .env("PYTHONPATH", cmake.join("target"));
        run(&mut npm, &folder)?;
        fs::write(&done, lock)?;
    }
    let mut bundle = Command::new("npm");
    run(bundle.args(["run", "--silent", "build"]), &folder)?;
    Ok(folder)
}

/// The Node.js version of its lock file: the second newest on Lambda.
pub(super) fn node_binary(folder: &Path) -> PathBuf {
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "x64",
    };
    folder.join(format!("node_modules/node-linux-{architecture}/bin/node"))
}

/// Installs the Python baseline. Returns its folder.
pub(super) fn python(guard: &Guard) -> io::Result<PathBuf> {
    let folder = root().join(".slipway/bench/python");
    let requirements = fs::read_to_string(source().join("python/requirements.txt"))?;
    let done = folder.join("installed");
    if fs::read_to_string(&done).ok().as_ref() != Some(&requirements) {
        say("installing the tutorials' Python and its runtime client");
        let lines = requirements.lines().filter(|line| !line.starts_with('#'));
        let packages: Vec<&str> = lines.collect();
        tools::pip_install(guard, &folder, &packages)?;
        fs::write(&done, &requirements)?;
    }
    let task = folder.join("task");
    fs::create_dir_all(&task)?;
    fs::copy(source().join("python/handler.py"), task.join("handler.py"))?;
    Ok(folder)
}

/// All installed Python packages.
pub(super) fn packages(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = |folder: PathBuf| {
        Ok::<_, io::Error>(fs::read_dir(folder)?.flatten().map(|entry| entry.path()))
    };
    let target = folder.join("target");
    if target.is_dir() {
        return Ok(entries(target)?.collect());
    }
    // lib/python3.11/site-packages
    let mut found = Vec::new();
    for python in entries(folder.join("lib"))? {
        found.extend(entries(python.join("site-packages"))?);
    }
    Ok(found)
}

/// Runs a build in `folder` without showing its output. An error contains it.
pub(super) fn run(command: &mut Command, folder: &Path) -> io::Result<()> {
    // The variables of `cargo run` would look like a change to another cargo.
    let ours = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ours.iter().any(|begin| text.starts_with(begin)) {
            command.env_remove(&name);
        }
    }
    let status = command.current_dir(folder).status()?;
    if status.success() {
        return Ok(());
    }
    let program = command.get_program().display().to_string();
    Err(io::Error::other(format!(
        "{program} in {}: {status}",
        folder.display()
    )))
}
