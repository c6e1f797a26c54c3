//! The web page: building it with npm, when it is older than what it is built from.

mod config;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod publish;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use slipway_emulators::tools;

use crate::say;
use crate::workspace;

/// The folder of everything that npm builds.
pub(crate) fn web() -> PathBuf {
    workspace::root().join("web")
}

/// npm, in that folder.
pub(crate) fn npm() -> io::Result<Command> {
    let npm = tools::find("npm").ok_or_else(|| {
        io::Error::other("npm is not installed (on Debian: apt-get install nodejs npm)")
    })?;
    let mut command = Command::new(npm);
    command.current_dir(web());
    Ok(command)
}

/// The built page, made anew where it is out of date.
pub(crate) fn build() -> io::Result<PathBuf> {
    let web = web();
    // Said before anything is waited for.
    let mut run = npm()?;
    let dist = web.join("app/dist");
    // Stacks may start together, and the second then finds what the first has built.
    let target = workspace::root().join("target");
    // Another target folder may have been chosen.
    fs::create_dir_all(&target)?;
    let lock = File::create(target.join("web.lock"))?;
    lock.lock()?;
    install(&web)?;
    if is_older(&dist.join("index.html"), newest_source(&web)?) {
        say::step("page", "built by npm", || {
            succeed(run.args(["run", "build", "--loglevel=error"]))
        })?;
    }
    Ok(dist)
}

/// Installs exactly what the lock file names, if it has changed since.
fn install(web: &Path) -> io::Result<()> {
    let lock = fs::metadata(web.join("package-lock.json"))?.modified()?;
    // npm writes this one last.
    if !is_older(&web.join("node_modules/.package-lock.json"), lock) {
        return Ok(());
    }
    say::step("page", "packages installed by npm", || {
        succeed(npm()?.args(["ci", "--loglevel=error", "--no-audit", "--no-fund"]))
    })
}

/// Runs npm, which shows its own errors.
pub(crate) fn succeed(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("npm ended with {status}")))
}

fn is_older(file: &Path, than: SystemTime) -> bool {
    fs::metadata(file)
        .and_then(|file| file.modified())
        .map_or(true, |built| built < than)
}

/// When anything that the page is built from last changed.
fn newest_source(folder: &Path) -> io::Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let made = ["node_modules", "dist", "test", "e2e"].map(OsStr::new);
        if made.contains(&name.as_os_str()) {
            continue;
        }
        let changed = if entry.file_type()?.is_dir() {
            newest_source(&entry.path())?
        } else {
            entry.metadata()?.modified()?
        };
        newest = newest.max(changed);
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_no_source() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::create_dir_all(place("app/src")).unwrap();
        fs::create_dir_all(place("app/dist")).unwrap();
        fs::write(place("app/src/main.ts"), "").unwrap();
        let source = newest_source(folder.path()).unwrap();
        assert!(is_older(&place("app/dist/index.html"), source));
        fs::write(place("app/dist/index.html"), "").unwrap();
        let later = source + std::time::Duration::from_mins(1);
        let built = File::open(place("app/dist/index.html")).unwrap();
        built.set_modified(later).unwrap();
        assert_eq!(newest_source(folder.path()).unwrap(), source);
        assert!(!is_older(&place("app/dist/index.html"), source));
    }
}
