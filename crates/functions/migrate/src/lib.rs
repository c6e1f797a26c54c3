//! Applies the migrations of `slipway-db`.
//!
//! `DATABASE_URL_UNPOOLED` takes precedence over `DATABASE_URL`. Neon's `-pooler` is removed from
//! the host of the latter, because migrations take an advisory lock and need a connection of their
//! own.
//!
//! ```text
//! DATABASE_URL=postgres://… migrate    # prints each migration that it applies
//! ```

mod command;
mod copies;
mod custom_resource;
mod diagnose;

use std::time::{Duration, SystemTime};

use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::Value;
use slipway_api::emulator;
use slipway_core::Error;
use slipway_core::deadline::time_left;
use slipway_core::env::{ConfigError, Environment};
use slipway_db::migrations::{MIGRATIONS, MigrateError};
use slipway_db::{Config, Db};
use tokio::time::timeout;

pub use command::Command;
pub use custom_resource::Request as CustomResource;

/// The part of the invocation's time that is reserved for the response.
const RESERVE: Duration = Duration::from_secs(1);

/// The context of migrations: the database.
#[derive(Debug)]
pub struct Migrate {
    db: Db,
}

/// The result of a run, which is also the response of the Lambda.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The migrations that were missing, in order.
    pub applied: Vec<&'static str>,
    /// The current version of the database.
    pub version: i32,
}

impl Migrate {
    /// Reads the address of the database.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        const UNPOOLED: &str = "DATABASE_URL_UNPOOLED";
        let config = match env.optional(UNPOOLED) {
            Some(url) => Config::parse(UNPOOLED, &url)?,
            None => Config::from_env(env)?.direct(),
        };
        Ok(Self {
            db: Db::new(config)?,
        })
    }

    /// Handles one invocation: applies the missing migrations, or fails before the deadline. A
    /// migration is one transaction, so Postgres rolls back an interrupted one.
    pub async fn handle(
        &self,
        event: LambdaEvent<Value>,
    ) -> Result<Applied, lambda_runtime::Error> {
        let now = SystemTime::now();
        let left = time_left(emulator::deadline_ms(&event.context, now), now, RESERVE);
        let applied = timeout(left, self.apply()).await;
        Ok(
            applied
                .map_err(|_| Error::timeout("Postgres did not answer before the deadline"))??,
        )
    }

    /// Applies the missing migrations.
    pub async fn apply(&self) -> Result<Applied, MigrateError> {
        Ok(Applied {
            applied: self.db.migrate().await?,
            version: MIGRATIONS.last().map_or(0, |migration| migration.version),
        })
    }
}
