//! Checks `template.yaml` as far as possible without an AWS account.

mod rehearse;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use slipway_emulators::guard::Guard;
use slipway_emulators::tools::{Pinned, next_to};

use crate::say;
use crate::tools;
use crate::workspace;

/// Writes plain templates, one for each case, without SAM and conditions.
const TRANSFORM: &str = include_str!("template/transform.py");

/// The cases: every condition with each value that matters, and parameters that the template's
/// rules refuse.
const CASES: &str = include_str!("template/cases.json");

/// Creates the resources that an emulator supports, and uses them.
const EMULATE: &str = include_str!("template/emulate.py");

/// Lints the template as it is written and as it is deployed in every case, and creates the
/// resources that an emulator supports.
pub(crate) fn check(state: &Path) -> io::Result<()> {
    let sam = installed(&tools::SAM, state)?;
    let folder = workspace::root().join("target/template");
    let plain = folder.join("plain");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&plain)?;
    for (name, text) in [
        ("transform.py", TRANSFORM),
        ("cases.json", CASES),
        ("emulate.py", EMULATE),
    ] {
        fs::write(folder.join(name), text)?;
    }

    say::part("template", "sam validate --lint");
    let mut validate = next_to(&sam, "sam");
    workspace::succeed_in_root(offline(&mut validate).args(["validate", "--lint"]))?;

    say::part("template", "every case of its parameters, transformed");
    let mut transform = next_to(&sam, "python3");
    let transform = offline(&mut transform).arg(folder.join("transform.py"));
    workspace::succeed_in_root(
        transform
            .args([
                "template.yaml".as_ref(),
                folder.join("cases.json").as_os_str(),
            ])
            .arg(&plain),
    )?;
    let cases = plain_templates(&plain)?;
    let mut lint = next_to(&sam, "cfn-lint");
    // A parameter that only conditions use does not occur in a plain template. Its use has been
    // checked in the original.
    let lint = offline(&mut lint).args(["--ignore-checks", "W2001", "--regions", REGION, "--"]);
    workspace::succeed_in_root(lint.args(&cases))?;
    say::part(
        "template",
        &format!("cfn-lint passed on {} plain templates", cases.len()),
    );

    let mut checkov = installed(&tools::CHECKOV, state)?;
    say::part(
        "template",
        "checkov, on the template, its defaults and everything at once",
    );
    let checkov = offline(&mut checkov).args(["--config-file", ".checkov.yaml"]);
    // Not for every case: it takes the same name in several files for the same resource.
    checkov.args(["--file", "template.yaml"]);
    // In another folder, since it takes 40 letters of a path for a secret key, and the workspace's
    // path may have them.
    let short = std::env::temp_dir().join(format!("slipway-{}", std::process::id()));
    fs::create_dir_all(&short)?;
    for case in ["default.json", "most.json"] {
        fs::copy(plain.join(case), short.join(case))?;
        checkov.arg("--file").arg(short.join(case));
    }
    checkov.args(["--framework", "cloudformation", "--skip-download"]);
    let checked = workspace::succeed_in_root(checkov.args(["--quiet", "--compact"]));
    fs::remove_dir_all(&short)?;
    checked?;

    say::part(
        "template",
        "bucket, queue and policies, created in an emulator",
    );
    let mut emulate = next_to(&sam, "python3");
    workspace::succeed_in_root(
        offline(&mut emulate)
            .arg(folder.join("emulate.py"))
            .arg(&plain),
    )?;

    say::part("template", "the page, published by the AWS CLI");
    rehearse::publish(&installed(&tools::AWS, state)?, &folder)
}

/// The region of a deployment, which is never made.
const REGION: &str = "eu-central-1";

/// Disables telemetry and the lookup of an instance's credentials.
pub(crate) fn offline(command: &mut Command) -> &mut Command {
    command
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_CHECK_VERSION", "false")
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true")
}

/// The command of the tool, which is installed if need be.
pub(crate) fn installed(tool: &Pinned, state: &Path) -> io::Result<Command> {
    let guard = Guard::this()?;
    tool.command(&guard, &state.join("tools"), |text| {
        say::part("template", text);
    })
}

fn plain_templates(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.sort();
    if found.is_empty() {
        return Err(io::Error::other("no plain template was written"));
    }
    Ok(found)
}
