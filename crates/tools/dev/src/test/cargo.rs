//! Cargo, as the stages call it.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use slipway_emulators::capture;
use slipway_emulators::tools;

use super::succeed;
use crate::openssl;
use crate::say;
use crate::workspace;

/// Cargo with `args`; what functions log in tests is kept in the folder `log`.
pub(super) fn run(args: &[&str], log: &Path) -> io::Result<()> {
    let mut command = prepared(args)?;
    if args.first() == Some(&"test") {
        command.env(capture::FOLDER, log);
        fs::create_dir_all(log)?;
    }
    succeed(&mut command)
}

/// The same, not yet run.
pub(super) fn prepared(args: &[&str]) -> io::Result<Command> {
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
    if args.first() == Some(&"test") {
        leave_out(&mut command, args);
    }
    Ok(command)
}

/// Nothing that we may fetch has these programs; on Debian `apt-get install` does.
fn leave_out(command: &mut Command, args: &[&str]) {
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
}

/// Begins with no log.
pub(super) fn forget(log: &Path) -> io::Result<()> {
    match fs::remove_dir_all(log) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
