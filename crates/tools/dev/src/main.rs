//! `cargo dev`: the local stack, and the commands around it.

mod bucket;
mod cli;
mod cost;
mod doctor;
mod openssl;
mod page;
mod release;
mod say;
mod stack;
mod state;
mod template;
mod test;
mod token;
mod tools;
mod workspace;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use state::StackState;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    // First, because a keeper must start fast and takes any arguments.
    if args.next_if_eq(&OsString::from("guard")).is_some() {
        return slipway_emulators::guard::main(args);
    }
    let cli = Cli::parse();
    let done = match &cli.command {
        None => stack::run(&cli),
        Some(Command::Services { env_file }) => {
            let default = || workspace::root().join(".env");
            stack::run_services(&cli, &env_file.clone().unwrap_or_else(default))
        }
        Some(Command::Test(options)) => test::run(options, &cli.state()),
        Some(Command::Cost(usage)) => cost(usage),
        Some(Command::Page(options)) => page::publish::run(options),
        Some(Command::Release(options)) => release::run(options, &cli.state()),
        Some(Command::Bench { args }) => bench(args),
        Some(Command::Token { user, seconds }) => token(&cli.state(), user, *seconds),
        Some(Command::Bucket(options)) => return exit(bucket::run(options)),
        Some(Command::Env) => env(&cli.state()),
        Some(Command::Doctor(options)) => return exit(examine(&cli.state(), options)),
    };
    exit(done.map(|()| true))
}

fn exit(done: io::Result<bool>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn examine(folder: &Path, options: &doctor::DoctorOptions) -> io::Result<bool> {
    doctor::run(options, &StackState::make(folder)?)
}

/// Prints only the variables of the running stack, so that `eval "$(cargo dev env)"` works.
fn env(folder: &Path) -> io::Result<()> {
    let variables = stack::variables(&StackState::make(folder)?)?;
    write!(io::stdout(), "{variables}")
}

/// Prints only a token, so that `TOKEN=$(cargo dev token alice)` works.
fn token(folder: &Path, user: &str, seconds: u64) -> io::Result<()> {
    let state = StackState::make(folder)?;
    let token = state.key()?.token(user, &state.owner_claim(), seconds);
    writeln!(io::stdout(), "{token}")
}

fn cost(usage: &cost::CostOptions) -> io::Result<()> {
    write!(io::stdout(), "{}", cost::table(usage)?)
}

/// `crates/tools/bench` is a separate program, so that `cargo dev` need not build its dependencies.
fn bench(args: &[OsString]) -> io::Result<()> {
    let run = ["run", "--package", "slipway-bench", "--"];
    let mut cargo = std::process::Command::new(workspace::cargo());
    for name in workspace::of_cargo_run() {
        cargo.env_remove(name);
    }
    let status = cargo.args(run).args(args).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("the benchmark: {status}")))
}
