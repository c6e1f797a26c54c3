//! The linters of the template and of the workflows.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use slipway_emulators::tools::next_to;

use super::{REGION, installed, offline};
use crate::say;
use crate::tools;
use crate::workspace;

/// The role for GitHub, which is a template of its own.
const ROLE: &str = "docs/deploy-role.yaml";

/// cfn-lint on what CloudFormation reads, the template after the SAM transform with its conditions,
/// and on what it deploys in each case, where no condition is left.
pub(super) fn with_cfn_lint(sam: &Command, folder: &Path) -> io::Result<()> {
    let mut lint = next_to(sam, "cfn-lint");
    // The common environment is in every function, also where its conditions cannot differ.
    let lint = offline(&mut lint).args(["--ignore-checks", "W1028", "--regions", REGION]);
    lint.args(["--", ROLE]);
    workspace::succeed_in_root(lint.arg(whole(folder)))?;
    let cases = plain_templates(folder)?;
    let mut lint = next_to(sam, "cfn-lint");
    // A parameter that only conditions use does not occur in a plain template. Its use has been
    // checked in the original.
    let lint = offline(&mut lint).args(["--ignore-checks", "W2001", "--regions", REGION, "--"]);
    workspace::succeed_in_root(lint.args(&cases))?;
    say::part(
        "template",
        &format!(
            "cfn-lint passed on the whole template and {} plain ones",
            cases.len()
        ),
    );
    Ok(())
}

/// parliament on the policies of roles, checkov on the templates, zizmor on the workflows.
pub(super) fn security(sam: &Command, state: &Path, folder: &Path) -> io::Result<()> {
    let mut policies = next_to(sam, "python3");
    let policies = offline(&mut policies).arg(folder.join("policies.py"));
    workspace::succeed_in_root(policies.arg(folder.join("plain")).arg(ROLE))?;

    let mut zizmor = installed(&tools::ZIZMOR, state)?;
    workspace::succeed_in_root(zizmor.args(["--offline", "--no-progress", ".github"]))?;

    let mut checkov = installed(&tools::CHECKOV, state)?;
    say::part(
        "template",
        "checkov, on the template before and after the transform, its defaults and everything at once",
    );
    let checkov = offline(&mut checkov).args(["--config-file", ".checkov.yaml"]);
    // Not for every case: it takes the same name in several files for the same resource.
    checkov.args(["--file", "template.yaml", "--file", ROLE]);
    // In another folder, since it takes 40 letters of a path for a secret key, and the workspace's
    // path may have them.
    let short = std::env::temp_dir().join(format!("slipway-{}", std::process::id()));
    fs::create_dir_all(&short)?;
    let plain = folder.join("plain");
    for file in [
        whole(folder),
        plain.join("default.json"),
        plain.join("most.json"),
        plain.join("scanned.json"),
    ] {
        let copy = short.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy)?;
        checkov.arg("--file").arg(copy);
    }
    checkov.args(["--framework", "cloudformation", "--skip-download"]);
    let checked = workspace::succeed_in_root(checkov.args(["--quiet", "--compact"]));
    fs::remove_dir_all(&short)?;
    checked
}

/// The template after the SAM transform, with conditions and intrinsic functions.
fn whole(folder: &Path) -> PathBuf {
    folder.join("whole.json")
}

fn plain_templates(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join("plain"))? {
        found.push(entry?.path().into_os_string());
    }
    found.sort();
    if found.is_empty() {
        return Err(io::Error::other("no plain template was written"));
    }
    Ok(found)
}
