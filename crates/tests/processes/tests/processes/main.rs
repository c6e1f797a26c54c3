//! The functions as processes behind the Lambda runtime API: what tests of the handlers cannot
//! cover.

#![expect(clippy::expect_used, clippy::panic, reason = "tests fail by panics")]

mod flow;
mod init;
#[cfg(target_os = "linux")]
mod memory;
mod stack;
mod trips;
