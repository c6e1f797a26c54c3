//! `cargo dev release`: builds every function, and packs a release archive that deploys with the AWS
//! CLI alone.
//!
//! The archive has a zip for each function, the layer, a template that names the zips, the five
//! values that a deployer fills in, a guide and checksums. The same sources give the same bytes: the
//! archive has fixed times and no owners, and Cargo passes paths relative to the workspace to the
//! compiler. Paths of dependencies depend on `CARGO_HOME`, so only builds with the same one agree.

mod again;
mod rehearse;
mod version;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use slipway_emulators::guard::Guard;
use slipway_emulators::tools::for_deployment;

use crate::say;
use crate::workspace::{self, Workspace};

pub(crate) use again::is_reproducible;
pub(crate) use rehearse::rehearse;

/// The folder of the scripts.
const SCRIPTS: &str = "crates/tools/dev/src/release";

/// Variables for programs that build functions.
pub(crate) type BuildVariables = [(&'static str, OsString); 2];

/// The options of `cargo dev release`.
#[derive(Debug, Args)]
pub(crate) struct ReleaseOptions {
    /// Build nothing, and deploy this archive to an emulator of AWS, by the commands of its guide
    #[arg(long, value_name = "ARCHIVE")]
    rehearse: Option<PathBuf>,
}

/// Builds the functions and the archive, or rehearses the deployment of an archive.
pub(crate) fn run(options: &ReleaseOptions, state: &Path) -> io::Result<()> {
    if let Some(archive) = &options.rehearse {
        return rehearse(&std::path::absolute(archive)?, state);
    }
    version::agree()?;
    let architecture = architecture();
    say::part(
        "release",
        &format!(
            "for {architecture}, this machine's architecture; the workflow `release` builds both"
        ),
    );
    build(&variables(state)?)?;
    archive()?;
    Ok(())
}

/// Installs what a build for a deployment needs.
pub(crate) fn variables(state: &Path) -> io::Result<BuildVariables> {
    let guard = Guard::this()?;
    for_deployment(&guard, &state.join("tools"), |text| {
        say::part("release", text);
    })
}

/// Builds every function of the template with one `cargo lambda build`, which links two at a time on
/// two processors.
pub(crate) fn build(variables: &BuildVariables) -> io::Result<()> {
    let mut all = Command::new("cargo-lambda");
    all.args(["lambda", "build", "--release"]);
    for package in Workspace::deployed()? {
        all.args(["--package", &package]);
    }
    say::part("release", "every function with cargo-lambda");
    workspace::succeed_in_root(all.envs(variables.clone()))
}

/// Packs what [`build`] built into `dist/`, and returns the archive.
pub(crate) fn archive() -> io::Result<PathBuf> {
    let root = workspace::root();
    let (version, architecture) = (version::VERSION, architecture());
    let dist = root.join("dist");
    let mut pack = Command::new("python3");
    pack.arg(root.join(SCRIPTS).join("archive.py"))
        .arg(&root)
        .arg(root.join("target/lambda"))
        .args([version, architecture])
        .arg(&dist);
    workspace::succeed_in_root(&mut pack)?;
    let archive = dist.join(format!("slipway-{version}-{architecture}.tar.gz"));
    fs::metadata(&archive)?;
    say::part("release", &archive.display().to_string());
    Ok(archive)
}

/// This machine's architecture, as Lambda calls it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}
