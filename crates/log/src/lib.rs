//! The log of every function: JSON lines, ours at `LOG_LEVEL` (info), everybody else's warnings only.

use slipway_core::env::Env;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log of this process.
///
/// Other crates never speak below warning, whatever `LOG_LEVEL` says: `tokio_postgres` writes parameters
/// and HTTP clients write signed URLs at debug.
pub fn init(env: Env<'_>) {
    let level = env
        .optional("LOG_LEVEL")
        .and_then(|level| level.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let targets = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("slipway", level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    // An error only says that a log is there already, as in tests.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(targets)
        .try_init();
}
