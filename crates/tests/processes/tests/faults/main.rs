//! Every fault against every function that it can affect. `docs/faults.md` has the expected matrix.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panics, and this one prints the matrix"
)]

mod application;
mod audit;
mod bucket;
mod cell;
mod events;
mod fault;
mod function;
mod matrix;
mod pictures;
mod scene;
mod server;
mod steps;
mod uploads;
mod world;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::future::{FutureExt as _, join, join_all};
use futures_util::stream::{self, StreamExt as _};

use tokio::time::timeout;

use cell::Cell;
use fault::Fault;
use function::{FUNCTIONS, FaultyFunction};
use matrix::Matrix;
use server::Server;

/// How many cells run at the same time. Most of them wait for a deadline; [`server::BUSY`] limits
/// the others.
const CONCURRENT_CELLS: usize = 10;

/// Longer than any cell takes on a busy machine.
const LONGEST: Duration = Duration::from_mins(30);

async fn run_cell(fault: Fault, function: &'static FaultyFunction, server: &Server) -> Cell {
    let cell = AssertUnwindSafe(timeout(LONGEST, cell::run(fault, function, server)))
        .catch_unwind()
        .await;
    match cell {
        Ok(Ok(cell)) => cell,
        Ok(Err(_)) => Cell::broken("hang".to_owned()),
        Err(_) => Cell::broken("a panic, see above".to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fault_against_every_function() {
    // Builds missing binaries before any deadline starts.
    for function in FUNCTIONS {
        assert!(slipway_processes::binary(function.binary).exists());
    }
    let kept = std::fs::read_to_string(matrix::path()).unwrap_or_default();
    let mut matrix = Matrix::without_chosen(&kept);
    let mut server = Server::start().await;
    let shared = &server;
    // The last faults run first, because they take longest.
    let cells = Fault::ALL.into_iter().rev().flat_map(|fault| {
        FUNCTIONS
            .iter()
            .filter(move |function| fault.is_on_the_path_of(function) && !server::has(fault))
            .filter(|function| function.is_chosen())
            .map(move |function| (fault, function))
    });
    let cells = stream::iter(cells)
        .map(|(fault, function)| async move {
            let cell = run_cell(fault, function, shared).await;
            ((fault.name(), function.name), cell)
        })
        .buffer_unordered(CONCURRENT_CELLS)
        .collect::<Vec<_>>();
    let rows = Fault::ALL
        .into_iter()
        .filter(|fault| server::has(*fault))
        .map(async |fault| (fault, server::row(fault).await));
    let (cells, rows) = join(cells, join_all(rows)).await;
    matrix.0.extend(cells);
    for (fault, row) in rows {
        let cells = row.into_iter();
        matrix
            .0
            .extend(cells.map(|(function, cell)| ((fault.name(), function.name), cell)));
    }
    server.stop().await;
    let problems = matrix.problems();
    assert!(problems.is_empty(), "{}", problems.join("\n"));

    let page = matrix.page();
    if std::env::var_os("SLIPWAY_WRITE_FAULTS").is_some() {
        std::fs::write(matrix::path(), page).expect("the page is written");
        return;
    }
    let differ: Vec<String> = page
        .lines()
        .filter(|line| !kept.lines().any(|kept| kept == *line))
        .map(str::to_owned)
        .collect();
    assert!(
        page == kept,
        "docs/faults.md differs; SLIPWAY_WRITE_FAULTS=1 updates it:\n{}",
        differ.join("\n")
    );
}
