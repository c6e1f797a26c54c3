//! The whole stack: a first use, attacks by websites, and `openapi.yaml`.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests fail by panics, and print the output of the stack"
)]

mod attack;
mod harness;
mod load;
mod newcomer;
mod openapi;
mod owner;
mod reload;
mod scanned;
mod upkeep;
mod watch;
