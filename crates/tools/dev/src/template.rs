//! `template.yaml`, as far as it can be checked without an account of AWS.

mod rehearse;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use slipway_emulators::guard::Guard;
use slipway_emulators::tools::{self, Pinned};

use crate::say;
use crate::test::succeed;
use crate::workspace;

/// Makes plain templates, one for each case: no SAM, no conditions.
const TRANSFORM: &str = include_str!("template/transform.py");

/// The cases: every condition decided in each way that matters, and what the template's rules refuse.
const CASES: &str = include_str!("template/cases.json");

/// Makes what an emulator can, and uses it.
const EMULATE: &str = include_str!("template/emulate.py");

/// Lints the template as it is written and as it is deployed in every case, and makes what an emulator can.
pub(crate) fn check(state: &Path) -> io::Result<()> {
    let sam = fetched(&tools::SAM, state)?;
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
    let mut validate = tools::beside(&sam, "sam");
    succeed(offline(&mut validate).args(["validate", "--lint"]))?;

    say::part("template", "every case of its parameters, transformed");
    let mut transform = tools::beside(&sam, "python3");
    let transform = offline(&mut transform).arg(folder.join("transform.py"));
    succeed(
        transform
            .args([
                "template.yaml".as_ref(),
                folder.join("cases.json").as_os_str(),
            ])
            .arg(&plain),
    )?;
    let cases = plain_templates(&plain)?;
    let mut lint = tools::beside(&sam, "cfn-lint");
    // A parameter that only decides is used in the template alone, where its use has been checked.
    let lint = offline(&mut lint).args(["--ignore-checks", "W2001", "--regions", REGION, "--"]);
    succeed(lint.args(&cases))?;
    say::part(
        "template",
        &format!("cfn-lint passed on {} plain templates", cases.len()),
    );

    let mut checkov = fetched(&tools::CHECKOV, state)?;
    say::part(
        "template",
        "checkov, on the template, its defaults and everything at once",
    );
    let checkov = offline(&mut checkov).args(["--config-file", ".checkov.yaml"]);
    // Not on every case: it takes one name in several files for one thing.
    checkov.args(["--file", "template.yaml"]);
    // Elsewhere, since it takes 40 letters of a path for a secret key, and ours may have them.
    let short = std::env::temp_dir().join(format!("slipway-{}", std::process::id()));
    fs::create_dir_all(&short)?;
    for case in ["default.json", "most.json"] {
        fs::copy(plain.join(case), short.join(case))?;
        checkov.arg("--file").arg(short.join(case));
    }
    checkov.args(["--framework", "cloudformation", "--skip-download"]);
    let checked = succeed(checkov.args(["--quiet", "--compact"]));
    fs::remove_dir_all(&short)?;
    checked?;

    say::part(
        "template",
        "bucket, queue and policies, made in an emulator",
    );
    let mut emulate = tools::beside(&sam, "python3");
    succeed(
        offline(&mut emulate)
            .arg(folder.join("emulate.py"))
            .arg(&plain),
    )?;

    say::part("template", "the page, published by the AWS CLI");
    rehearse::publish(&fetched(&tools::AWS, state)?, &folder)
}

/// Where it would be deployed, were it deployed.
const REGION: &str = "eu-central-1";

/// Tells nobody that it runs, and asks nobody who it is.
pub(crate) fn offline(command: &mut Command) -> &mut Command {
    command
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_CHECK_VERSION", "false")
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true")
}

/// The tool, fetched if need be.
pub(crate) fn fetched(tool: &Pinned, state: &Path) -> io::Result<Command> {
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
        return Err(io::Error::other("there is no plain template"));
    }
    Ok(found)
}
