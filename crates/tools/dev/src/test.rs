//! `cargo dev test`: the checks that people and CI run.
//!
//! The stage `build` compiles everything that the stages from `lint` to `stack` run, once and with
//! one set of features. One more package or feature in a command would compile dependencies again
//! (see `slipway-unify`), so the commands name the whole workspace even if they run one test.

mod beside;
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

use clap::Args;
use slipway_emulators::capture;
use slipway_emulators::guard::Guard;

use crate::say;
use crate::template;
use crate::tools;
use crate::workspace;

use beside::Beside;
use cargo::{forget, prepared};
use stages::{Lane, STAGES, Stage, StageWork, names};
use times::Times;

/// The options of `cargo dev test`.
#[derive(Debug, Args)]
pub(crate) struct TestOptions {
    /// Run only these stages, such as `deny`
    #[arg(value_parser = names())]
    stages: Vec<String>,
    /// Run this stage and those after it
    #[arg(long, value_name = "STAGE", conflicts_with = "stages", value_parser = names())]
    from: Option<String>,
    /// Leave out slow stages and tests, and list them
    #[arg(long)]
    quick: bool,
    /// Run web, template and release next to the tests, which shares the processors
    #[arg(long)]
    parallel: bool,
    /// The seed of the requests that schemathesis sends to the running stack
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// About how many requests schemathesis sends for each operation
    #[arg(long, default_value_t = 20, value_name = "N")]
    examples: u32,
}

/// Runs the stages of each lane in order until one fails.
pub(crate) fn run(options: &TestOptions, state: &Path) -> io::Result<()> {
    let mut times = Times::begin();
    let stages = chosen(options, &mut times);
    let artifacts = names_of(&stages, Lane::Artifacts);
    let parallel =
        options.parallel && !artifacts.is_empty() && !names_of(&stages, Lane::Tests).is_empty();
    let mut beside = None;
    let mut result = Ok(());
    for stage in stages {
        if parallel && stage.lane == Lane::Artifacts {
            continue;
        }
        if parallel && stage.lane == Lane::Tests && beside.is_none() {
            beside = Some(Beside::start(&artifacts, state)?);
        }
        if stage.lane == Lane::Last
            && let Some(beside) = beside.take()
        {
            result = times.of("beside", || beside.join());
            if result.is_err() {
                break;
            }
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
    // After a failure, too: the other lane's result is worth its time.
    if let Some(beside) = beside {
        result = result.and(times.of("beside", || beside.join()));
    }
    times.show();
    result
}

/// The stages that the options select, in order.
fn chosen(options: &TestOptions, times: &mut Times) -> Vec<&'static Stage> {
    let only = &options.stages;
    let named = |stage: &Stage| only.iter().any(|name| name == stage.name);
    let from = |stage: &Stage| options.from.as_deref() == Some(stage.name);
    let begin = STAGES.iter().position(from).unwrap_or_default();
    let mut stages = Vec::new();
    for stage in &STAGES[begin..] {
        let servers = matches!(stage.run, StageWork::Servers);
        if only.is_empty() && servers || !only.is_empty() && !named(stage) {
            continue;
        }
        if options.quick && stage.slow {
            times.left_out(stage.name);
            continue;
        }
        stages.push(stage);
    }
    stages
}

fn names_of(stages: &[&'static Stage], lane: Lane) -> Vec<&'static str> {
    let of_lane = stages.iter().filter(|stage| stage.lane == lane);
    of_lane.map(|stage| stage.name).collect()
}

fn one(stage: &Stage, options: &TestOptions, folder: &Path) -> io::Result<()> {
    let logs = folder.join("test-logs");
    let log = logs.join(stage.name);
    // Deletes only the logs of this stage. Those of the others are from earlier stages or from
    // another run.
    forget(&log)?;
    match stage.run {
        StageWork::Cargo(commands) => commands.iter().try_for_each(|args| {
            // `cargo test` cannot select everything except these.
            if options.quick && stage.name == "test" {
                say::part("left out", "tests whose names begin with slow_");
                return cargo::run(&[*args, &["--", "--skip", "slow_"]].concat(), &log);
            }
            cargo::run(args, &log)
        }),
        StageWork::Build(commands) => {
            let wanted = if options.quick {
                &commands[..1]
            } else {
                commands
            };
            wanted.iter().try_for_each(|args| cargo::run(args, &log))
        }
        StageWork::Stack => stack(options, &log),
        StageWork::Deny => deny(folder),
        StageWork::Web => web::run(),
        StageWork::Template => template::check(folder),
        StageWork::Release => release::run(folder),
        StageWork::Secrets => secrets::check(&logs),
        StageWork::Servers => servers::run(folder),
    }
}

/// The lines of `.ci/flaky.txt` about this stage: tests that may fail although nothing is broken.
/// They excuse no failure.
fn flaky(stage: &str) -> String {
    let list = fs::read_to_string(workspace::root().join(".ci/flaky.txt")).unwrap_or_default();
    let begins = |line: &&str| line.split_whitespace().next() == Some(stage);
    list.lines()
        .filter(begins)
        .fold(String::new(), |text, line| {
            text + "\nknown to be flaky: " + line
        })
}

/// Runs the tests of whole stacks, one after another. One of them is schemathesis.
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
    // No level may log a secret.
    command.env("LOG_LEVEL", "trace");
    command.env(capture::FOLDER, log);
    fs::create_dir_all(log)?;
    workspace::succeed_in_root(&mut command)
}

/// Checks the licence, the source and the number of versions of every dependency (`deny.toml`).
fn deny(state: &Path) -> io::Result<()> {
    let guard = Guard::this()?;
    let mut deny = tools::CARGO_DENY.command(&guard, &state.join("tools"), |text| {
        say::part("deny", text);
    })?;
    deny.args(["--locked", "--workspace", "check", "--deny", "warnings"]);
    // Advisories need a download, and change independently of this repository.
    workspace::succeed_in_root(deny.args(["licenses", "bans", "sources"]))
}
