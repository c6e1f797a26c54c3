//! `cargo dev test`: what a person and the machine that guards the branch both run.
//!
//! Everything that the stages from `lint` to `stack` run is built by the stage `build`, once, with one set of features: a
//! package or a feature more in one of the commands would compile dependencies again (`slipway-unify` says how). So the
//! commands below name the whole workspace even where they run one test.

mod cargo;
mod patterns;
mod release;
mod secrets;
mod servers;
mod stages;
mod times;
mod web;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use slipway_emulators::capture;
use slipway_emulators::guard::Guard;
use slipway_emulators::tools;

use crate::cli::TestOptions;
use crate::say;
use crate::template;
use crate::workspace;

pub(crate) use stages::names;

use cargo::{forget, prepared};
use stages::{Run, STAGES, Stage};
use times::Times;

/// Runs the stages in order, to the first that fails.
pub(crate) fn run(options: &TestOptions, state: &Path) -> io::Result<()> {
    let (only, quick) = (&options.stages, options.quick);
    let begin = STAGES
        .iter()
        .position(|stage| options.from.as_deref() == Some(stage.name));
    let mut times = Times::default();
    let mut result = Ok(());
    for stage in &STAGES[begin.unwrap_or_default()..] {
        if !only.is_empty() && !only.iter().any(|name| name == stage.name) {
            continue;
        }
        if only.is_empty() && matches!(stage.run, Run::Servers) {
            continue;
        }
        if quick && stage.slow {
            times.left_out(stage.name);
            continue;
        }
        say::part("stage", stage.name);
        let done = times.of(stage.name, || one(stage, options, state));
        if let Err(error) = done {
            let known = flaky(stage.name);
            let problem = format!("the stage {} failed: {error}{known}", stage.name);
            result = Err(io::Error::other(problem));
            break;
        }
    }
    times.show();
    result
}

fn one(stage: &Stage, options: &TestOptions, folder: &Path) -> io::Result<()> {
    let logs = folder.join("test-logs");
    let log = logs.join(stage.name);
    // Its own alone: the others may have run before, or be running.
    forget(&log)?;
    match stage.run {
        Run::Cargo(commands) => commands.iter().try_for_each(|args| {
            // `cargo test` has no name for everything but these.
            if options.quick && stage.name == "test" {
                say::part("left out", "tests that are named slow_");
                return cargo::run(&[*args, &["--", "--skip", "slow_"]].concat(), &log);
            }
            cargo::run(args, &log)
        }),
        Run::Build(commands) => {
            let wanted = if options.quick {
                &commands[..1]
            } else {
                commands
            };
            wanted.iter().try_for_each(|args| cargo::run(args, &log))
        }
        Run::Stack => stack(options, &log),
        Run::Deny => deny(folder),
        Run::Web => web::run(),
        Run::Template => template::check(folder),
        Run::Release => release::run(folder),
        Run::Secrets => secrets::check(&logs),
        Run::Servers => servers::run(folder),
    }
}

/// What is known of tests of this stage that may fail although nothing is broken. It excuses nothing.
fn flaky(stage: &str) -> String {
    let list = fs::read_to_string(workspace::root().join(".ci/flaky.txt")).unwrap_or_default();
    let begins = |line: &&str| line.split_whitespace().next() == Some(stage);
    list.lines()
        .filter(begins)
        .fold(String::new(), |text, line| {
            text + "\nknown to be flaky: " + line
        })
}

/// Runs stacks one after another, and lets schemathesis loose on one.
fn stack(options: &TestOptions, log: &Path) -> io::Result<()> {
    let (seed, examples) = (options.seed.to_string(), options.examples.to_string());
    say::part(
        "schemathesis",
        &format!("--seed {seed} --examples {examples}"),
    );
    let mut command = prepared(&[
        "test",
        "--workspace",
        "--test",
        "stack",
        "--",
        "--test-threads=1",
    ])?;
    command.env("SLIPWAY_SEED", seed);
    command.env("SLIPWAY_EXAMPLES", examples);
    // Nothing may come to light at any level.
    command.env("LOG_LEVEL", "trace");
    command.env(capture::FOLDER, log);
    fs::create_dir_all(log)?;
    succeed(&mut command)
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
