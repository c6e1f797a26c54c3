//! `cargo dev bench`: what the functions and the statements cost, measured side by side with what they stand on.

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
enum Command {}

fn main() -> ExitCode {
    match Cli::parse().command {}
}
