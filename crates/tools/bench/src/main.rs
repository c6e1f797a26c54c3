//! `cargo dev bench`: measures the functions, the statements, the signer and the client next to
//! their baselines.

mod document;
mod functions;
mod scale;
mod signer;
mod stats;
mod svg;
mod web;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Slipway, and writes the tables and plots of docs/performance.md.
#[derive(Debug, Parser)]
#[command(name = "cargo dev bench", bin_name = "cargo dev bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The benchmarks.
#[derive(Debug, Subcommand)]
enum Command {
    /// The functions as they are deployed, next to the smallest possible one and those of tutorials
    Functions(functions::FunctionsOptions),
    /// The statements with a growing table and with concurrent writers
    Scale(scale::ScaleOptions),
    /// Signed URLs, next to `aws-sigv4`, the SDK's presigner, and the unavoidable hashing
    Signer(signer::SignerOptions),
    /// Uploads in Chromium by the client, next to the same requests by hand and other clients
    Web(web::WebOptions),
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    // Postgres runs under a guard, which is this program.
    if args.next_if_eq(&OsString::from("guard")).is_some() {
        return slipway_emulators::guard::main(args);
    }
    let done = match Cli::parse().command {
        Command::Functions(options) => functions::run(&options),
        Command::Scale(options) => scale::run(&options),
        Command::Signer(options) => signer::run(&options),
        Command::Web(options) => web::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints progress.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}
