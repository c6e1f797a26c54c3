//! `cargo dev bench`: what the functions and the statements cost, measured side by side with what they stand on.

mod document;
mod signer;
mod svg;

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

/// What is measured.
#[derive(Debug, Subcommand)]
enum Command {
    /// Signed URLs, beside `aws-sigv4`, the SDK's presigner, and the hashing that nobody can do without
    Signer(signer::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Signer(options) => signer::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
