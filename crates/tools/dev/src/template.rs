//! Checks `template.yaml` and the workflows as far as possible without an AWS account.

mod lint;
mod rehearse;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;

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

/// Lints the policies of roles.
const POLICIES: &str = include_str!("template/policies.py");

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
        ("policies.py", POLICIES),
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
    // Each linter uses one processor.
    let (first, second) = thread::scope(|lanes| {
        let first = lanes.spawn(|| lint::with_cfn_lint(&sam, &folder));
        let second = lint::security(&sam, state, &folder);
        (first.join(), second)
    });
    first.map_err(|_| io::Error::other("cfn-lint panicked"))??;
    second?;

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
