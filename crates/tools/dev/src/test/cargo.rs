//! Cargo as the stages call it.

use std::env;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::thread;

use slipway_emulators::capture;
use slipway_emulators::tools;

use crate::openssl;
use crate::say;
use crate::workspace;

/// How many tests of a program run at the same time, for the test harness of Rust.
const THREADS: &str = "RUST_TEST_THREADS";

/// Runs cargo with `args`. The logs of functions in tests are kept in the folder `log`.
pub(super) fn run(args: &[&str], log: &Path) -> io::Result<()> {
    let mut command = prepared(args)?;
    if args.first() == Some(&"test") {
        command.env(capture::FOLDER, log);
        fs::create_dir_all(log)?;
        // The tests wait for servers half of their time, so two run for each processor.
        if env::var_os(THREADS).is_none() {
            let processors = thread::available_parallelism().map_or(1, NonZero::get);
            command.env(THREADS, (2 * processors).to_string());
        }
    }
    workspace::succeed_in_root(&mut command)
}

/// The command, not yet started.
pub(super) fn prepared(args: &[&str]) -> io::Result<Command> {
    let mut command = Command::new(workspace::cargo());
    let (own, rest) = match args.iter().position(|arg| *arg == "--") {
        Some(at) => args.split_at(at),
        None => (args, [].as_slice()),
    };
    command.args(own);
    if args.contains(&"--workspace") && !openssl::is_installed()? {
        say::part(
            "openssl",
            "its headers are not installed: building it from source once, which takes some minutes",
        );
        command.args(["--features", "slipway-db/vendored-openssl"]);
    }
    command.args(rest);
    if args.first() == Some(&"test") {
        leave_out(&mut command, args);
    }
    Ok(command)
}

/// Skips tests that need programs which we cannot install; on Debian, `apt-get install` can.
fn leave_out(command: &mut Command, args: &[&str]) {
    let mut skipped = Vec::new();
    if tools::find("pgbouncer").is_none() && !Path::new("/usr/sbin/pgbouncer").is_file() {
        say::part(
            "pgbouncer",
            "not installed: LEFT OUT are the tests that use it",
        );
        skipped.push("pgbouncer");
    }
    if args.contains(&"budgets") && tools::find("valgrind").is_none() {
        say::part(
            "valgrind",
            "not installed: LEFT OUT are the instruction budgets",
        );
        skipped.push("valgrind");
    }
    if !skipped.is_empty() {
        command.env("SLIPWAY_SKIP", skipped.join(","));
    }
}

/// Deletes the logs of an earlier run.
pub(super) fn forget(log: &Path) -> io::Result<()> {
    match fs::remove_dir_all(log) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
