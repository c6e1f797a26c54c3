//! Applies the migrations of `slipway-db`.
//!
//! `DATABASE_URL_UNPOOLED` wins over `DATABASE_URL`; of the latter, Neon's `-pooler` is left out of the host, since
//! migrations want a connection of their own.

mod command;
mod copies;

use serde::Serialize;
use slipway_core::env::{ConfigError, Env};
use slipway_db::migrations::{MIGRATIONS, MigrateError};
use slipway_db::{Config, Db};

pub use command::Command;

/// What migrating needs: the database.
#[derive(Debug)]
pub struct Migrate {
    db: Db,
}

/// What a run did, as the Lambda answers it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The migrations that were missing, in order.
    pub applied: Vec<&'static str>,
    /// The version that the database has now.
    pub version: i32,
}

impl Migrate {
    /// Reads where the database is.
    pub fn from_env(env: Env<'_>) -> Result<Self, ConfigError> {
        const UNPOOLED: &str = "DATABASE_URL_UNPOOLED";
        let config = match env.optional(UNPOOLED) {
            Some(url) => Config::parse(UNPOOLED, &url)?,
            None => Config::from_env(env)?.direct(),
        };
        Ok(Self {
            db: Db::new(config)?,
        })
    }

    /// Applies what is missing.
    pub async fn apply(&self) -> Result<Applied, MigrateError> {
        Ok(Applied {
            applied: self.db.migrate().await?,
            version: MIGRATIONS.last().map_or(0, |migration| migration.version),
        })
    }
}
