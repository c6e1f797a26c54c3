//! The stores of one deployment. A function owns them, and the record step borrows them.

use slipway_core::Spent;
use slipway_core::env::{ConfigError, Environment};
use slipway_db::Db;
use slipway_s3::{Bucket, Keys};
use slipway_s3_urls::{Credentials, Location};

/// The bucket and Postgres.
#[derive(Debug)]
pub struct Stores {
    /// The client of the bucket.
    pub bucket: Bucket,
    /// The connection to Postgres. With `WEBHOOKS` each change of a file emits an event.
    pub db: Db,
    /// The address of the bucket.
    pub location: Location,
}

impl Stores {
    /// Reads the addresses and credentials of both. Connects to Postgres, if it is reachable, while
    /// Lambda still counts this as init.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let keys = Credentials::from_env(env)?;
        Self::with_keys(env, keys.into()).await
    }

    /// The same with credentials that are not in the environment.
    pub async fn with_keys(env: &Environment, keys: Keys) -> Result<Self, ConfigError> {
        let location = Location::from_env(env)?;
        let webhooks = env.flag("WEBHOOKS")?;
        let db = Db::new(slipway_db::Config::from_env(env)?)?.with_events(webhooks);
        let bucket = Bucket::connect_with(&location, keys)?;
        db.warm_up().await;
        Ok(Self {
            bucket,
            db,
            location,
        })
    }

    /// The time that this process has waited for each store.
    #[must_use]
    pub fn spent(&self) -> Spent {
        Spent {
            s3: self.bucket.clock().total(),
            postgres: self.db.clock().total(),
        }
    }
}
