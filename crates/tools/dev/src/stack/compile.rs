//! Builds the functions and migrates the database.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use slipway_api::routes::Route;
use slipway_emulators::guard::{Guard, Guarded};

use super::function::StackFunction;
use super::settings::{EnvChanges, brings_s3};
use crate::openssl;
use crate::say;
use crate::workspace::{self, Binary, Workspace};

/// Executables by name.
pub(super) type Binaries = BTreeMap<String, PathBuf>;

/// Functions without a route.
const EVENT_FUNCTIONS: [&str; 3] = ["notify", "preview", "record-upload"];

const MIGRATE: &str = "migrate";

/// Builds the functions of `routes`, the functions of events, and `migrate`.
pub(super) fn build(
    guard: &Guard,
    workspace: &Workspace,
    routes: &[Route],
) -> io::Result<(Vec<StackFunction>, Binaries)> {
    let served: BTreeSet<&str> = routes.iter().map(|route| route.function).collect();
    let mut names: Vec<(&str, Binary)> = Vec::new();
    for name in &served {
        names.push((name, serving(workspace, name)?));
    }
    // The events of another S3 do not reach `notify`, which would have no queue.
    let events = EVENT_FUNCTIONS.into_iter();
    for name in events.filter(|name| *name != "notify" || !brings_s3()) {
        names.push((name, workspace.expect(name)?));
    }
    let mut wanted: Vec<Binary> = names.iter().map(|(_, binary)| binary.clone()).collect();
    wanted.push(workspace.expect(MIGRATE)?);
    // Cargo prints its own progress.
    let started = Instant::now();
    let binaries = cargo_build(guard, &wanted)?;
    say::took("build", "the functions", started);
    let path = |binary: &Binary| {
        binaries
            .get(&binary.name)
            .cloned()
            .ok_or_else(|| io::Error::other(format!("cargo built no executable `{}`", binary.name)))
    };
    let functions = names.iter().map(|(name, binary)| {
        Ok(StackFunction::new(
            name,
            path(binary)?,
            served.contains(name),
        ))
    });
    Ok((functions.collect::<io::Result<_>>()?, binaries))
}

/// Builds `migrate` only.
pub(crate) fn migrate_program(guard: &Guard) -> io::Result<PathBuf> {
    let binaries = cargo_build(guard, &[Workspace::read()?.expect(MIGRATE)?])?;
    let built = binaries.get(MIGRATE).cloned();
    built.ok_or_else(|| io::Error::other("cargo built no `migrate`"))
}

/// The binary of a function. With a quota, presign is the one that uses Postgres.
fn serving(workspace: &Workspace, name: &str) -> io::Result<Binary> {
    let quota = std::env::var_os("USER_QUOTA_BYTES").is_some_and(|quota| !quota.is_empty());
    if quota && let Some(binary) = workspace.binary(&format!("{name}-quota")) {
        return Ok(binary);
    }
    workspace.expect(name)
}

fn cargo_build(guard: &Guard, wanted: &[Binary]) -> io::Result<Binaries> {
    // Built together with this program, which is up to date, so that the features of its
    // dependencies apply and nothing is compiled again.
    let ours = ["-p", env!("CARGO_PKG_NAME")];
    let packages = wanted.iter().flat_map(|binary| ["-p", &binary.package]);
    let packages = ours.into_iter().chain(packages);
    let mut program = super::program(workspace::cargo())
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(packages)
        .stdout(Stdio::piped());
    if wanted.iter().any(|binary| binary.has_tls) && !openssl::is_installed()? {
        say::part(
            "build",
            "no OpenSSL headers here: building OpenSSL from source, which takes some minutes, once",
        );
        program = program.args(["--features", "slipway-db/vendored-openssl"]);
    }
    let mut cargo = guard.spawn(program)?;
    let messages = cargo.take_stdout().map(BufReader::new);
    let mut binaries = Binaries::new();
    for message in messages.into_iter().flat_map(BufRead::lines) {
        let message: Value = serde_json::from_str(&message?).unwrap_or_default();
        if let (Some(name), Some(path)) = (
            message["target"]["name"].as_str(),
            message["executable"].as_str(),
        ) {
            binaries.insert(name.to_owned(), path.into());
        }
    }
    if wait(&mut cargo)?.success() {
        return Ok(binaries);
    }
    Err(io::Error::other("the functions do not build: see above"))
}

/// Applies the migrations.
pub(super) fn migrate(guard: &Guard, binaries: &Binaries, env: &EnvChanges) -> io::Result<()> {
    let Some(migrate) = binaries.get(MIGRATE) else {
        return Err(io::Error::other("cargo built no `migrate`"));
    };
    say::step("migrate", "the database", || {
        let program = env.apply(super::program(migrate));
        let mut migrate = guard.spawn(program.stdout(Stdio::piped()))?;
        let mut output = String::new();
        if let Some(mut stdout) = migrate.take_stdout() {
            stdout.read_to_string(&mut output)?;
        }
        let status = wait(&mut migrate)?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "the migrations failed ({status})\n{}",
            output.trim()
        )))
    })
}

fn wait(child: &mut Guarded) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
}
