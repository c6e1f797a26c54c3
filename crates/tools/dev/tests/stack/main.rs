//! The whole stack: as a newcomer meets it, as a website attacks it, and as `openapi.yaml` describes it.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests fail by panics, and show what the stack said"
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
