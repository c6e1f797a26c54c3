//! `cargo dev test`: what a person and the machine that guards the branch both run.

mod patterns;
mod secrets;
mod servers;
mod web;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use slipway_local::capture;
use slipway_local::guard::Guard;
use slipway_local::tools;

use crate::cli::TestOptions;
use crate::openssl;
use crate::say;
use crate::template;
use crate::workspace;

/// A stage: its name, what it runs, and whether `--quick` leaves it out.
struct Stage {
    name: &'static str,
    run: Run,
    slow: bool,
}

enum Run {
    /// Cargo, with these arguments.
    Cargo(&'static [&'static str]),
    /// What we depend on.
    Deny,
    /// Whole local stacks.
    Stack,
    /// The client and the page, in a browser.
    Web,
    /// What is deployed, as far as that shows without an account.
    Template,
    /// The release binaries.
    Release,
    /// What the stages before have logged.
    Secrets,
    /// S3 servers that were written elsewhere. Only where it is named: it says what they support, not what we do.
    Servers,
}

const STAGES: [Stage; 11] = [
    Stage {
        name: "format",
        run: Run::Cargo(&["fmt", "--all", "--check"]),
        slow: false,
    },
    Stage {
        name: "deny",
        run: Run::Deny,
        slow: false,
    },
    Stage {
        name: "lint",
        run: Run::Cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            // Else these would not be looked at.
            "--features",
            "slipway-dev/stack-test,slipway-e2e/release-binaries,slipway-e2e/fault-matrix",
            "--",
            "-D",
            "warnings",
        ]),
        slow: false,
    },
    Stage {
        name: "test",
        run: Run::Cargo(&["test", "--workspace", "--no-fail-fast"]),
        slow: false,
    },
    Stage {
        name: "faults",
        // The other crates have the features that the stage before has built them with.
        run: Run::Cargo(&[
            "test",
            "--workspace",
            "--features",
            "slipway-e2e/fault-matrix",
            "--test",
            "faults",
        ]),
        slow: true,
    },
    Stage {
        name: "stack",
        run: Run::Stack,
        slow: true,
    },
    Stage {
        name: "web",
        run: Run::Web,
        slow: true,
    },
    Stage {
        name: "template",
        run: Run::Template,
        slow: true,
    },
    Stage {
        name: "release",
        run: Run::Release,
        slow: true,
    },
    Stage {
        name: "secrets",
        run: Run::Secrets,
        slow: false,
    },
    Stage {
        name: "servers",
        run: Run::Servers,
        slow: true,
    },
];

/// The stages' names.
pub(crate) fn names() -> [&'static str; STAGES.len()] {
    STAGES.each_ref().map(|stage| stage.name)
}

/// Runs the stages in order, to the first that fails; the release binaries last, since they take longest.
pub(crate) fn run(options: &TestOptions, state: &Path) -> io::Result<()> {
    let (only, quick) = (&options.stages, options.quick);
    let logs = state.join("test-logs");
    let begin = STAGES
        .iter()
        .position(|stage| options.from.as_deref() == Some(stage.name));
    let mut times = Vec::new();
    let mut result = Ok(());
    for stage in &STAGES[begin.unwrap_or_default()..] {
        if !only.is_empty() && !only.iter().any(|name| name == stage.name) {
            continue;
        }
        if only.is_empty() && matches!(stage.run, Run::Servers) {
            continue;
        }
        if quick && stage.slow {
            times.push(format!("{} left out by --quick", stage.name));
            continue;
        }
        say::part("stage", stage.name);
        let (started, log) = (Instant::now(), logs.join(stage.name));
        // Its own alone: the others may have run before, or be running.
        forget(&log)?;
        let done = match stage.run {
            Run::Cargo(args) if quick && stage.name == "test" => {
                say::part("left out", "tests that are named slow_");
                cargo(&[args, &["--", "--skip", "slow_"]].concat(), &log)
            }
            Run::Cargo(args) => cargo(args, &log),
            Run::Stack => stack(options, &log),
            Run::Deny => deny(state),
            Run::Web => web::run(),
            Run::Template => template::check(state),
            Run::Release => release(state),
            Run::Secrets => secrets::check(&logs),
            Run::Servers => servers::run(state),
        };
        let seconds = started.elapsed().as_secs_f64();
        times.push(format!("{} {seconds:.1} s", stage.name));
        if let Err(error) = done {
            let problem = format!("the stage {} failed: {error}", stage.name);
            result = Err(io::Error::other(problem));
            break;
        }
    }
    say::part("stages", &times.join(", "));
    result
}

/// Runs stacks one after another, each with a build of its own, and lets schemathesis loose on one.
fn stack(options: &TestOptions, log: &Path) -> io::Result<()> {
    let (seed, examples) = (options.seed.to_string(), options.examples.to_string());
    say::part(
        "schemathesis",
        &format!("--seed {seed} --examples {examples}"),
    );
    let feature = [
        "test",
        "--workspace",
        "--features",
        "slipway-dev/stack-test",
    ];
    let mut command =
        prepared(&[&feature[..], &["--test", "stack", "--", "--test-threads=1"]].concat())?;
    command.env("SLIPWAY_SEED", seed);
    command.env("SLIPWAY_EXAMPLES", examples);
    // Nothing may come to light at any level.
    command.env("LOG_LEVEL", "trace");
    command.env(capture::FOLDER, log);
    fs::create_dir_all(log)?;
    succeed(&mut command)
}

/// Cargo with `args`; what functions log in tests is kept in the folder `log`.
fn cargo(args: &[&str], log: &Path) -> io::Result<()> {
    let mut command = prepared(args)?;
    if args.first() == Some(&"test") {
        command.env(capture::FOLDER, log);
        fs::create_dir_all(log)?;
    }
    succeed(&mut command)
}

/// Cargo with `args`, and what it needs to know of this machine.
fn prepared(args: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(workspace::cargo());
    let (own, rest) = match args.iter().position(|arg| *arg == "--") {
        Some(at) => args.split_at(at),
        None => (args, [].as_slice()),
    };
    command.args(own);
    if args.contains(&"--workspace") && !openssl::is_here()? {
        say::part(
            "openssl",
            "no headers here: building it from source, which takes some minutes, once",
        );
        command.args(["--features", "slipway-db/vendored-openssl"]);
    }
    command.args(rest);
    // Nothing that we may fetch has these; on Debian `apt-get install` does.
    let mut skipped = Vec::new();
    if tools::find("pgbouncer").is_none() && !Path::new("/usr/sbin/pgbouncer").is_file() {
        say::part(
            "pgbouncer",
            "not here: LEFT OUT are the tests that go through it",
        );
        skipped.push("pgbouncer");
    }
    if args.contains(&"budgets") && tools::find("valgrind").is_none() {
        say::part(
            "valgrind",
            "not here: LEFT OUT are the budgets of instructions",
        );
        skipped.push("valgrind");
    }
    if !skipped.is_empty() {
        command.env("SLIPWAY_SKIP", skipped.join(","));
    }
    Ok(command)
}

/// Holds every dependency to `deny.toml`: its licence, its source, and that it is there once.
fn deny(state: &Path) -> io::Result<()> {
    let guard = Guard::this()?;
    let mut deny = tools::CARGO_DENY.command(&guard, &state.join("tools"), |text| {
        say::part("deny", text);
    })?;
    deny.args(["--locked", "--workspace", "check", "--deny", "warnings"]);
    // Advisories have to be fetched, and change while nobody changes anything here.
    succeed(deny.args(["licenses", "bans", "sources"]))
}

/// Builds every function as `sam build` does for a deployment, and looks at what came of it.
fn release(state: &Path) -> io::Result<()> {
    let guard = Guard::this()?;
    let tools = tools::for_deployment(&guard, &state.join("tools"), |text| {
        say::part("release", text);
    })?;
    let sam = template::fetched(&tools::SAM, state)?;
    let mut build = tools::beside(&sam, "sam");
    template::offline(&mut build).arg("build");
    // What was built for another function, or is no longer in the template, must not be taken for new.
    let earlier = workspace::root().join(".aws-sam/build");
    match fs::remove_dir_all(earlier) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // There is no standard library for another architecture than this machine's.
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    build.arg("--parameter-overrides");
    build.arg(format!("Architecture={architecture}"));
    succeed(build.envs(tools))?;
    // It looks at all of them, and counts the instructions of one.
    succeed(&mut prepared(&[
        "test",
        "--workspace",
        "--features",
        "slipway-e2e/release-binaries",
        "--test",
        "release",
        "--test",
        "budgets",
    ])?)
}

/// Begins with no log.
fn forget(log: &Path) -> io::Result<()> {
    match fs::remove_dir_all(log) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Runs it, with the workspace's folder as its own.
pub(crate) fn succeed(command: &mut Command) -> io::Result<()> {
    command.current_dir(workspace::root());
    for name in workspace::of_cargo_run() {
        command.env_remove(name);
    }
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(status.to_string()))
    }
}
