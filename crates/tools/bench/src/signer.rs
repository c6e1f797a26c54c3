//! `cargo dev bench signer`: runs the benchmark of `crates/tools/bench/signer`, and writes its
//! table and plot.

mod plot;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use serde_json::Value;

use crate::{document, root};

/// The options of `cargo dev bench signer`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SignerOptions {
    /// Use the figures of the last run
    #[arg(long)]
    again: bool,
    /// Write docs/performance.md and its plot too
    #[arg(long)]
    write: bool,
}

/// The contenders in the order of the table: their names in the benchmark.
const CONTENDERS: [&str; 5] = ["floor", "signer", "function", "sigv4", "sdk"];

/// The cases: the name in the benchmark, the description, the number of URLs.
const CASES: [(&str, &str, u32); 8] = [
    ("put", "a PUT of exact length and type", 1),
    ("get", "a GET with cache and disposition", 1),
    ("list-1000", "1,000 GETs of a list", 1000),
    ("parts-10000", "10,000 parts", 10_000),
    ("batch-100", "100 PUTs that carry a name", 100),
    ("name-512", "a PUT that carries a name of 512 bytes", 1),
    ("download-512", "a GET that answers with such a name", 1),
    ("key-867", "a GET of the longest key there is, 867 bytes", 1),
];

/// CPU per URL in nanoseconds, by session, case and contender.
type Figures = BTreeMap<(&'static str, &'static str, &'static str), f64>;

/// Measures, prints the table, and writes the document if requested.
pub(crate) fn run(options: &SignerOptions) -> io::Result<()> {
    if !options.again {
        measure()?;
    }
    let figures = figures()?;
    let text = table::table(&figures);
    writeln!(io::stdout(), "{text}")?;
    if options.write {
        let folder = root().join("docs/performance");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("signing.svg"), plot::plot(&figures))?;
        document::write(&root(), "signing", &text)?;
    }
    Ok(())
}

fn measure() -> io::Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "bench",
        "--package",
        "slipway-bench-signer",
        "--bench",
        "signer",
    ]);
    let status = cargo.current_dir(root()).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the signer's benchmark: {status}"
    )))
}

/// The results of criterion: the median of every benchmark.
fn figures() -> io::Result<Figures> {
    let mut figures = Figures::new();
    for session in ["plain", "token"] {
        for (case, _, urls) in CASES {
            for contender in CONTENDERS {
                let name = format!("criterion/{case}-{session}/{contender}/new/estimates.json");
                let estimates: Value = serde_json::from_slice(&fs::read(target().join(&name))?)?;
                let median = estimates["median"]["point_estimate"].as_f64();
                let median =
                    median.ok_or_else(|| io::Error::other(format!("no median in {name}")))?;
                figures.insert((session, case, contender), median / f64::from(urls));
            }
        }
    }
    Ok(figures)
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
