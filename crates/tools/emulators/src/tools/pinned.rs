//! Python programs at one version, with pinned dependencies, installed by pip where they are
//! needed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::pip_install;
use crate::guard::Guard;

/// A program that pip installs.
#[derive(Debug)]
pub struct Pinned {
    /// The name of the program.
    pub name: &'static str,
    /// Its version, as `--version` prints it.
    pub version: &'static str,
    /// The packages to install, as `name==version`, one a line. `#` begins a comment.
    pub requirements: &'static str,
}

/// `CMake` builds AWS-LC for a deployment. Bindgen reads its headers with libclang.
pub(super) const CMAKE: Pinned = Pinned {
    name: "cmake",
    version: "4.4.5",
    requirements: "cmake==4.4.5\nlibclang==18.1.1",
};

impl Pinned {
    /// Whether every requirement names its version, and one of them is the program's.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        let exact = |line: &str| line.starts_with('#') || line.contains("==");
        let version = format!("=={}", self.version);
        self.requirements.lines().all(exact) && self.requirements.contains(&version)
    }

    /// The command that runs it. It is installed into `folder` unless it is there already.
    pub fn command(&self, guard: &Guard, folder: &Path, say: fn(&str)) -> io::Result<Command> {
        let Self { name, version, .. } = self;
        let folder = folder.join(format!("{name}-{version}-{:08x}", self.fingerprint()));
        if let Some(command) = self.found(&folder) {
            return Ok(command);
        }
        say(&format!(
            "{name} {version} is missing: installing it with pip"
        ));
        let lines = self.requirements.lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        // The list is complete (checked with `pip check`), so pip need not resolve it again.
        let packages: Vec<_> = ["--no-deps"].into_iter().chain(lines).collect();
        pip_install(guard, &folder, &packages)
            .map_err(|error| io::Error::other(format!("{name} {version} is needed: {error}")))?;
        self.found(&folder).ok_or_else(|| {
            io::Error::other(format!(
                "the {name} that pip installed into {} does not run here",
                folder.display()
            ))
        })
    }

    /// A number that changes with the requirements, so that an older installation is not used.
    fn fingerprint(&self) -> u32 {
        // FNV-1a: any hash that is the same in each build.
        self.requirements.bytes().fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
    }

    /// The program in `folder`, if it runs and has the right version. An installation may have been
    /// interrupted.
    fn found(&self, folder: &Path) -> Option<Command> {
        places(folder, self.name).find_map(|(exe, library)| {
            let command = || {
                let mut command = Command::new(&exe);
                if let Some(library) = &library {
                    command.env("PYTHONPATH", library);
                }
                command
            };
            let said = command().arg("--version").output().ok()?;
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            // The AWS CLI prints `aws-cli/1.46.2 Python/3.11.7 …`.
            let mut words = said.split(|c: char| c.is_whitespace() || c == '/');
            words.any(|word| word == self.version).then(command)
        })
    }
}

/// Another program that was installed with `command`. Without a venv, `python3` is the system's.
#[must_use]
pub fn next_to(command: &Command, name: &str) -> Command {
    let other = Path::new(command.get_program()).with_file_name(name);
    let mut next = if other.is_file() {
        Command::new(other)
    } else {
        Command::new(name)
    };
    for (variable, value) in command.get_envs() {
        if let Some(value) = value {
            next.env(variable, value);
        }
    }
    next
}

/// Where [`pip_install`] may put a program, and the `PYTHONPATH` that it needs there.
fn places(folder: &Path, name: &str) -> impl Iterator<Item = (PathBuf, Option<PathBuf>)> {
    let target = folder.join("target");
    [
        (folder.join("bin").join(name), None),
        (target.join("bin").join(name), Some(target)),
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned() {
        assert!(CMAKE.is_pinned());
        let loose = Pinned {
            requirements: "cmake==4.4.5\nlibclang",
            ..CMAKE
        };
        assert!(!loose.is_pinned());
    }
}
