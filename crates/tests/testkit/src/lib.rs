//! Support for tests: a Postgres for each test process, a database for each test, and proxies that
//! make connections and requests fail.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    reason = "a test without its resources must fail at once, and print what it waits for"
)]

mod capture;
mod closed_port;
mod database;
mod guard;
mod http_proxy;
mod pgbouncer;
mod server;
mod tcp_proxy;
mod tls;
mod token;

pub use capture::{capture_log, capture_output};
pub use database::{TestDatabase, database, empty_database};
pub use guard::guard;
pub use http_proxy::{HttpFault, HttpObserver, HttpProxy, Passing};
pub use pgbouncer::PgBouncer;
pub use server::{cache, server};
pub use tcp_proxy::{Direction, TcpFault, TcpObserver, TcpProxy};
pub use tls::Authority;
#[cfg(not(target_vendor = "apple"))]
pub use tls::root_file_name;
pub use token::{JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, claims, signed_token, token};

/// Whether `SLIPWAY_SKIP`, a list of names separated by commas, allows tests to run without `tool`.
///
/// A test never skips silently: if a tool is missing and not in the list, the test fails.
#[must_use]
pub fn skips(tool: &str) -> bool {
    let skips = std::env::var("SLIPWAY_SKIP").unwrap_or_default();
    skips.split(',').any(|name| name.trim() == tool)
}
