//! Facts about the workspace: its folder, functions, binaries and features.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // `cargo run` sets the variable. The constant is the folder of the build.
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR");
    let crate_dir = crate_dir.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let crate_dir = PathBuf::from(crate_dir);
    crate_dir
        .ancestors()
        .nth(3)
        .map(Into::into)
        .unwrap_or(crate_dir)
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The path of this program, for programs that start it while it runs.
pub(crate) fn program() -> io::Result<PathBuf> {
    // The link stays valid when a build replaces the file, as a build with other features does.
    let link = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    if link.exists() {
        return Ok(link);
    }
    std::env::current_exe()
}

/// Variables that `cargo run` sets for its program. For another cargo they would look like a
/// change, and build scripts that watch them would run again.
pub(crate) fn of_cargo_run() -> impl Iterator<Item = OsString> {
    let ours = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ];
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(move |name| {
            name.to_str()
                .is_some_and(|name| ours.iter().any(|o| name.starts_with(o)))
        })
}

/// Runs a command that prints its own output. A failure is an error.
pub(crate) fn succeed(command: &mut Command) -> io::Result<()> {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let program = program.to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|error| io::Error::other(format!("`{program}` does not start: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("`{program}` failed ({status})")))
}

/// The same in the folder of the workspace, without the variables that `cargo run` sets.
pub(crate) fn succeed_in_root(command: &mut Command) -> io::Result<()> {
    command.current_dir(root());
    for name in of_cargo_run() {
        command.env_remove(name);
    }
    succeed(command)
}

/// The parts of `cargo metadata` that we use.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    metadata: Value,
}

/// A binary of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Binary {
    pub(crate) package: String,
    pub(crate) name: String,
    /// Whether it uses TLS.
    pub(crate) has_tls: bool,
}

impl Workspace {
    /// Runs `cargo metadata`.
    pub(crate) fn read() -> io::Result<Self> {
        let mut command = Command::new(cargo());
        command
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(root())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        let done = command.output()?;
        if !done.status.success() {
            return Err(io::Error::other("`cargo metadata` failed"));
        }
        let metadata = serde_json::from_slice(&done.stdout)?;
        Ok(Self { metadata })
    }

    /// The binary `name`, if a package has it.
    pub(crate) fn binary(&self, name: &str) -> Option<Binary> {
        let packages = self.metadata["packages"].as_array()?;
        let has = |package: &&Value| {
            let targets = package["targets"].as_array().into_iter().flatten();
            let mut bins = targets.filter(|target| target["kind"][0] == "bin");
            bins.any(|target| target["name"] == name)
        };
        let package = packages.iter().find(has)?;
        Some(Binary {
            package: package["name"].as_str()?.to_owned(),
            name: name.to_owned(),
            has_tls: package["features"]["aws-lc"]
                .as_array()
                .is_some_and(|enables| !enables.is_empty()),
        })
    }

    /// The packages that `template.yaml` deploys as functions, from each `CodeUri`.
    pub(crate) fn deployed() -> io::Result<Vec<String>> {
        let template = std::fs::read_to_string(root().join("template.yaml"))?;
        let folders = template
            .lines()
            .filter_map(|line| line.trim().strip_prefix("CodeUri: crates/functions/"));
        Ok(folders.map(|folder| format!("slipway-{folder}")).collect())
    }

    /// The same, with an error if there is none.
    pub(crate) fn expect(&self, name: &str) -> io::Result<Binary> {
        self.binary(name).ok_or_else(|| {
            io::Error::other(format!("no package of the workspace has a binary `{name}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_deploys_the_functions() {
        let deployed = Workspace::deployed().unwrap();
        assert!(deployed.len() >= 9, "{deployed:?}");
        assert!(deployed.contains(&"slipway-presign".to_owned()));
        // The command for people is not deployed.
        assert!(!deployed.contains(&"slipway-maintain".to_owned()));
        // The baseline of the benchmark is not deployed.
        assert!(!deployed.contains(&"slipway-floor".to_owned()));
        assert!(!deployed.contains(&"slipway-db".to_owned()));
    }

    #[test]
    fn every_route_has_its_binary() {
        let workspace = Workspace::read().unwrap();
        for route in slipway_api::routes::ROUTES {
            workspace.expect(route.function).unwrap();
        }
    }
}
