//! Finding what is installed, and fetching what is not, by the ordinary clients.
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program `name` in `PATH`.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Installs an npm package into `folder`, running its own install step.
pub fn npm_install(folder: &Path, package: &str) -> io::Result<()> {
    let npm = find("npm").ok_or_else(|| io::Error::other("npm is not installed"))?;
    let mut command = Command::new(npm);
    command
        .args(["install", "--no-save", "--no-audit", "--no-fund"])
        // As root, npm would run the install step as the folder's owner or not at all.
        .args(["--foreground-scripts", "--ignore-scripts=false"])
        .arg("--prefix")
        .arg(folder)
        .arg(package)
        .current_dir(folder);
    run(command)
}

/// Runs a client quietly; its errors are in ours.
pub(crate) fn run(mut command: Command) -> io::Result<()> {
    let name = command.get_program().display().to_string();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::other(format!("cannot start {name}: {error}")))?;
    if done.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{name} failed ({}):\n{}",
        done.status,
        String::from_utf8_lossy(&done.stderr).trim()
    )))
}
