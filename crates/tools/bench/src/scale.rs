//! `cargo dev bench scale`: the cost of the product's statements with a growing table and with
//! concurrent writers.
//!
//! Every statement runs through `slipway-db`, as in the functions. `pg_stat_statements` reports the
//! server's time and the touched blocks of 8 KB. The number of blocks does not depend on the
//! machine.

#![expect(
    clippy::cast_precision_loss,
    reason = "no counter here comes near 2^52"
)]

mod fill;
mod operations;
mod report;
mod server;
mod users;
mod writers;

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use tokio::runtime::Runtime;

use crate::{document, root, say};
use operations::Cost;
use server::StatementServer;
use writers::Crowd;

/// The options of `cargo dev bench scale`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ScaleOptions {
    /// The numbers of rows, ascending; 10 million take about 8 GB of disk during the run
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000, 10_000_000], value_name = "N,N,…")]
    rows: Vec<u64>,
    /// How often each operation runs at each size
    #[arg(long, default_value_t = 200, value_name = "N")]
    times: usize,
    /// The numbers of concurrent writers
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 64], value_name = "N,N,…")]
    writers: Vec<usize>,
    /// The duration of writing in seconds
    #[arg(long, default_value_t = 5, value_name = "S")]
    seconds: u64,
    /// A minute instead of an hour: 10 thousand and 1 million rows, each operation 50 times,
    /// writers for 2 s
    #[arg(long)]
    quick: bool,
    /// Write docs/performance.md and its plot too
    #[arg(long)]
    write: bool,
}

/// The results: every operation at every size, then every number of writers.
pub(crate) struct ScaleResults {
    rows: Vec<u64>,
    costs: Vec<Vec<Cost>>,
    crowds: Vec<Crowd>,
}

/// Measures, prints the report, and writes the document if requested.
pub(crate) fn run(options: &ScaleOptions) -> io::Result<()> {
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

async fn measure(options: &ScaleOptions) -> io::Result<ScaleResults> {
    let server = StatementServer::start().await?;
    let mut results = ScaleResults {
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
