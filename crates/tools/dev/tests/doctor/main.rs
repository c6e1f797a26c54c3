//! `cargo dev doctor` against built functions behind an HTTP API: a healthy stack, and one injected
//! fault at a time.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panics, and print the report"
)]

mod clock;
mod database;
mod healthy;
mod recipes;
mod report;
mod s3;
mod stack;
mod token;
mod webhook;
