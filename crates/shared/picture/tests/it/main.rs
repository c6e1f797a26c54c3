//! Previews of generated pictures, of broken ones, and of the largest.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::match_wild_err_arm,
    reason = "a test fails by panicking, prints what it measured, and makes pixels of counters"
)]

mod corpus;
mod make;
mod memory;
mod mutate;
mod pictures;
