//! The log of every function: one JSON object a line.
//!
//! Slipway's own lines are written at `LOG_LEVEL` (`info`). Other crates write warnings and errors
//! only, because `tokio_postgres` logs parameters and HTTP clients log signed URLs at debug level.
//!
//! ```json
//! {"level":"INFO","message":"request","route":"GET /files","status":200,"owner":"2bd806c97f0e00af","durationMs":4}
//! ```

mod line;

use slipway_core::env::{ConfigError, Environment};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use line::NAMESPACE;

use crate::line::{Lines, SpanFields};

/// Starts the log of this process: `LOG_LEVEL` (`info`) says how much, `METRICS` (`true`) whether lines carry metrics.
///
/// Other crates never speak below warning, whatever `LOG_LEVEL` says: `tokio_postgres` writes parameters
/// and HTTP clients write signed URLs at debug.
pub fn init(env: &Environment) -> Result<(), ConfigError> {
    // An error only says that a log is there already, as in tests.
    let _ = subscriber(env, std::io::stdout)?.try_init();
    Ok(())
}

/// What [`init`] starts, writing elsewhere.
pub fn subscriber<W>(
    env: &Environment,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, ConfigError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = match env.optional("LOG_LEVEL") {
        None => LevelFilter::INFO,
        Some(level) => level.parse().map_err(|_| {
            ConfigError::new(
                "LOG_LEVEL",
                "must be error, warn, info, debug, trace or off",
            )
        })?,
    };
    let targets = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("slipway", level);
    let lines = Lines {
        function: env
            .optional("AWS_LAMBDA_FUNCTION_NAME")
            .unwrap_or_else(|| "local".to_owned()),
        metrics: env.flag_or("METRICS", true)?,
    };
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(SpanFields)
        .event_format(lines)
        .with_writer(writer);
    Ok(tracing_subscriber::registry().with(layer).with(targets))
}

#[cfg(test)]
mod tests;
