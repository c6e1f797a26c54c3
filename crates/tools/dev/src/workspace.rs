//! What the workspace says of itself: its functions, their binaries, their features.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // Set by `cargo run`; the other is where we were built.
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR");
    let crate_dir = crate_dir.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let crate_dir = PathBuf::from(crate_dir);
    crate_dir
        .ancestors()
        .nth(3)
        .map(Into::into)
        .unwrap_or(crate_dir)
}

/// The cargo that runs us.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// This very program, for others to run while it runs itself.
pub(crate) fn program() -> io::Result<PathBuf> {
    // The link survives a build that replaces the file under our feet, as that of another set of features does.
    let link = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
    if link.exists() {
        return Ok(link);
    }
    std::env::current_exe()
}

/// Variables that `cargo run` sets for its program. To a cargo below they would
/// look like a change, and build scripts that watch them would run again.
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

/// `cargo metadata`, as far as we read it.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    metadata: Value,
}

/// A binary of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Binary {
    pub(crate) package: String,
    pub(crate) name: String,
    /// Whether it speaks TLS.
    pub(crate) has_tls: bool,
}

impl Workspace {
    /// Asks cargo.
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

    /// The packages that `template.yaml` deploys as functions, by their `CodeUri`.
    pub(crate) fn deployed() -> io::Result<Vec<String>> {
        let template = std::fs::read_to_string(root().join("template.yaml"))?;
        let folders = template
            .lines()
            .filter_map(|line| line.trim().strip_prefix("CodeUri: crates/functions/"));
        Ok(folders.map(|folder| format!("slipway-{folder}")).collect())
    }

    /// The same, or a sentence.
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
    fn what_is_deployed_ships() {
        let deployed = Workspace::deployed().unwrap();
        assert!(deployed.len() >= 9, "{deployed:?}");
        assert!(deployed.contains(&"slipway-presign".to_owned()));
        // The command that people run is not deployed.
        assert!(!deployed.contains(&"slipway-maintain".to_owned()));
        // What functions are compared with.
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
