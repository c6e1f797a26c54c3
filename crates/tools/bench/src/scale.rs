//! `cargo dev bench scale`: what the product's statements cost as the table grows, and as many write at once.
//!
//! Every statement runs as the functions run it, by `slipway-db`. What it costs the server is what `pg_stat_statements`
//! says: time, and blocks of 8 KB touched, which no other machine would touch more of.

#![expect(
    clippy::cast_precision_loss,
    reason = "nothing that is counted here comes near 2^52"
)]

mod fill;
mod operations;
mod report;
mod server;
mod who;
mod writers;

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use tokio::runtime::Runtime;

use crate::{document, root, say};
use operations::Cost;
use server::Server;
use writers::Crowd;

/// How much is measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// How many rows the table has, ascending; 10 million take some 8 GB of disk while they are there
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000, 10_000_000], value_name = "N,N,…")]
    rows: Vec<u64>,
    /// How often each operation is done at each size
    #[arg(long, default_value_t = 200, value_name = "N")]
    times: usize,
    /// How many write at once
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64], value_name = "N,N,…")]
    writers: Vec<usize>,
    /// For how long they do, in seconds
    #[arg(long, default_value_t = 5, value_name = "S")]
    seconds: u64,
    /// A minute instead of an hour: 10 thousand and 1 million rows, each operation 50 times, writers for 2 s
    #[arg(long)]
    quick: bool,
    /// Write docs/performance.md and its plot, and not only to the terminal
    #[arg(long)]
    write: bool,
}

/// What was measured: every operation at every size, then every crowd.
pub(crate) struct Results {
    rows: Vec<u64>,
    costs: Vec<Vec<Cost>>,
    crowds: Vec<Crowd>,
}

/// Measures, shows, and writes if asked to.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let mut options = options.clone();
    if options.quick {
        options.rows = vec![10_000, 1_000_000];
        options.times = 50;
        options.seconds = 2;
    }
    if !options.rows.is_sorted() {
        return Err(io::Error::other("--rows must ascend: the table grows"));
    }
    let results = Runtime::new()?.block_on(measure(&options))?;
    let text = report::text(&results);
    writeln!(io::stdout(), "{text}")?;
    if options.write {
        let folder = root().join("docs/performance");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("scale.svg"), report::plot(&results))?;
        document::write(&root(), "scale", &text)?;
    }
    Ok(())
}

async fn measure(options: &Options) -> io::Result<Results> {
    let server = Server::start().await?;
    let mut results = Results {
        rows: options.rows.clone(),
        costs: Vec::new(),
        crowds: Vec::new(),
    };
    for &rows in &options.rows {
        fill::up_to(&server, rows).await?;
        say(&format!("{rows} rows: measuring"));
        results
            .costs
            .push(operations::all(&server, rows, options.times).await?);
    }
    for one_user in [true, false] {
        for &writers in &options.writers {
            say(&format!("{writers} writers at once"));
            let time = Duration::from_secs(options.seconds);
            results
                .crowds
                .push(writers::crowd(&server, writers, one_user, time).await?);
        }
    }
    server.check_usage().await?;
    Ok(results)
}
