//! `cargo dev bench web`: runs the benchmark of `web/bench` in Chromium, and writes its table and
//! plot.

mod report;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::Value;

use crate::{document, root, say};

/// The options of `cargo dev bench web`.
#[derive(Clone, Debug, Args)]
pub(crate) struct WebOptions {
    /// Use the figures of the last run
    #[arg(long)]
    again: bool,
    /// Write docs/performance.md and its plot too
    #[arg(long)]
    write: bool,
    /// Only cases whose name contains this text, such as "20 MB, locally". The figures of the other
    /// cases are those of the last run
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// The rounds in which all clients take turns
    #[arg(long, value_name = "N", default_value_t = 7)]
    rounds: u32,
}

/// Measures, prints the tables, and writes the document if requested.
pub(crate) fn run(options: &WebOptions) -> io::Result<()> {
    let results = root().join("target/bench/web.json");
    if !options.again {
        measure(options, &results)?;
    }
    let figures: Value = serde_json::from_slice(&fs::read(&results)?)?;
    let text = report::tables(&figures);
    writeln!(io::stdout(), "{text}")?;
    if options.write {
        let folder = root().join("docs/performance");
        fs::write(folder.join("web.svg"), report::plot(&figures))?;
        document::write(&root(), "web", &text)?;
    }
    Ok(())
}

fn measure(options: &WebOptions, results: &Path) -> io::Result<()> {
    let web = root().join("web");
    say("installing the packages, and those of the other clients");
    npm(&web, ["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    let bench = web.join("bench");
    npm(
        &bench,
        ["ci", "--no-audit", "--no-fund", "--loglevel=error"],
    )?;
    // The stack is `cargo dev`, with the functions of this build.
    succeed(
        Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--bins"])
            .current_dir(root()),
    )?;
    let mut vitest = Command::new("npm");
    vitest
        .args(["run", "--silent", "bench"])
        .env("SLIPWAY_DEV", program())
        .env("ONLY", &options.only)
        .env("ROUNDS", options.rounds.to_string())
        .env("RESULTS", results)
        .current_dir(web);
    succeed(&mut vitest)
}

/// `cargo dev` itself, next to this program.
fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.with_file_name("slipway-dev")
}

fn npm(folder: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> io::Result<()> {
    succeed(Command::new("npm").args(args).current_dir(folder))
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{command:?}: {status}")))
}
