//! Builds the web page with npm when its sources are newer.

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

/// The folder of the npm workspace.
pub(crate) fn web() -> PathBuf {
    workspace::root().join("web")
}

/// npm in that folder.
pub(crate) fn npm() -> io::Result<Command> {
    let npm = tools::find("npm").ok_or_else(|| {
        io::Error::other("npm is not installed (on Debian: apt-get install nodejs npm)")
    })?;
    let mut command = Command::new(npm);
    command.current_dir(web());
    Ok(command)
}

/// Builds the page if it is out of date, and returns its folder.
pub(crate) fn build() -> io::Result<PathBuf> {
    let web = web();
    // Fails before a build or a lock is waited for.
    let mut run = npm()?;
    let dist = web.join("app/dist");
    // Several stacks may start at the same time. The later ones then use the build of the first.
    let target = workspace::root().join("target");
    // `CARGO_TARGET_DIR` may name another folder.
    fs::create_dir_all(&target)?;
    let lock = File::create(target.join("web.lock"))?;
    lock.lock()?;
    install(&web)?;
    if is_older(&dist.join("index.html"), newest_source(&web)?) {
        // Otherwise a test runner's `NODE_ENV=test` would build the page with Lit's debug code.
        run.env("NODE_ENV", "production");
        say::step("page", "built by npm", || {
            workspace::succeed(run.args(["run", "build", "--loglevel=error"]))
        })?;
    }
    Ok(dist)
}

/// Installs the packages of the lock file if it has changed.
fn install(web: &Path) -> io::Result<()> {
    let lock = fs::metadata(web.join("package-lock.json"))?.modified()?;
    // npm writes this file last.
    if !is_older(&web.join("node_modules/.package-lock.json"), lock) {
        return Ok(());
    }
    say::step("page", "packages installed by npm", || {
        workspace::succeed(npm()?.args(["ci", "--loglevel=error", "--no-audit", "--no-fund"]))
    })
}

fn is_older(file: &Path, than: SystemTime) -> bool {
    fs::metadata(file)
        .and_then(|file| file.modified())
        .map_or(true, |built| built < than)
}

/// The modification time of the newest source.
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
    fn built_files_are_not_sources() {
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
