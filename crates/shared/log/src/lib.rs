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

/// Starts the log of this process. `LOG_LEVEL` (`info`) is the level, and `METRICS` (`true`) adds
/// metrics to the lines.
///
/// Other crates log only warnings and errors, whatever `LOG_LEVEL` is: `tokio_postgres` logs
/// parameters and HTTP clients log signed URLs at debug level.
pub fn init(env: &Environment) -> Result<(), ConfigError> {
    // The only error is that a subscriber is already set, as in tests.
    let _ = subscriber(env, std::io::stdout)?.try_init();
    Ok(())
}

/// The subscriber that [`init`] installs, with another writer.
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
