//! `cargo dev doctor` against built functions behind an HTTP API: a healthy stack, and faults injected one at a time.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panics, and say what they saw on the way"
)]

mod clock;
mod database;
mod healthy;
mod recipes;
mod report;
mod s3;
mod stack;
mod token;
