//! Support for tests: a real Postgres for each test process, a database for each test, and a proxy that breaks things.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    reason = "a test that cannot get what it needs must fail there and then, and say what it waits for"
)]

mod database;
mod guard;
mod listen;
mod pgbouncer;
mod proxy;
mod s3_fault;
mod server;
mod tls;

pub use database::{TestDatabase, database, empty_database};
pub use guard::guard;
pub use listen::{heard, listen};
pub use pgbouncer::PgBouncer;
pub use proxy::{Direction, Fault, Proxy, Watch};
pub use s3_fault::{Act, S3Fault};
pub use server::{cache, server};
pub use tls::Authority;
#[cfg(not(target_vendor = "apple"))]
pub use tls::root_file_name;

/// Whether `SLIPWAY_SKIP` (names with commas between) allows tests to do without `tool`, aloud.
///
/// Nothing is skipped in silence: where a tool is missing and not named there, the test fails.
#[must_use]
pub fn skips(tool: &str) -> bool {
    let skips = std::env::var("SLIPWAY_SKIP").unwrap_or_default();
    skips.split(',').any(|name| name.trim() == tool)
}
