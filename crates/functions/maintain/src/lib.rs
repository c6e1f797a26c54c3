//! Finishes deletes, aborts abandoned multipart uploads, and makes bucket and table agree.
//!
//! Each task is a module: `deletes` processes tombstones, `uploads` multipart
//! uploads, and `sweep` keys. A task can be interrupted at any point and repeated. It
//! removes nothing that S3 has not just confirmed, and counts nothing twice. A new task is a new
//! module and a new [`Task`].
//!
//! ```text
//! maintain all                    # reports what it would do
//! maintain reconcile --apply
//! maintain --erase SUB --apply    # deletes all files of a user
//! ```
//!
//! `docs/maintain.md` describes the command and the Lambda, whose crate is
//! `slipway-maintain-function`.

mod allowance;
mod deadline;
mod deletes;
mod erase;
mod lambda;
mod report;
mod run;
mod sample;
mod shards;
mod sweep;
mod uploads;

#[cfg(feature = "command")]
pub mod command;

use std::time::Duration;

use slipway_core::env::{ConfigError, Environment};
use slipway_db::{Config, Db, Limits};
use slipway_record::{Recorder, Settings, Stores};
use slipway_s3::Keys;

pub use deadline::{Deadline, Stop};
pub use deletes::TOMBSTONE_AGE;
pub use lambda::Event;
pub use report::{Count, Report};
pub use run::Summary;
pub use sample::Sampling;
pub use uploads::{ABORTED_AGE, UPLOAD_AGE};

/// The tasks of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Finish deletes.
    Deletes,
    /// Abort abandoned multipart uploads.
    Uploads,
    /// Make bucket and table agree.
    Reconcile,
    /// All of them.
    #[default]
    All,
}

/// The options of a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The tasks to run.
    pub task: Task,
    /// Changes the bucket and the table. Without it the run is a dry run.
    pub apply: bool,
    /// Ignores the daily limit of removals.
    pub force: bool,
    /// Fills the table from the bucket, and runs nothing else.
    pub rebuild: bool,
    /// The number of ranges that the keys are split into.
    pub shards: u32,
    /// The range to process. `None` processes all of them concurrently.
    pub shard: Option<u32>,
    /// The minimum time between the starts of two sweeps.
    pub every: Duration,
    /// Page sizes and concurrency.
    pub pace: Pace,
    /// The limits on the requests of a sample of the bucket.
    pub sampling: Sampling,
}

/// Page sizes and concurrency.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The number of objects, and of rows, in one page.
    pub page: u16,
    /// The number of keys that need a request after which a checkpoint is written. Each new row of
    /// a batch holds a lock in Postgres, which has a few thousand.
    pub batch: usize,
    /// The number of concurrent HEAD requests.
    pub heads: usize,
}

impl Default for Options {
    /// A dry run of everything.
    fn default() -> Self {
        Self {
            task: Task::All,
            apply: false,
            force: false,
            rebuild: false,
            shards: 1,
            shard: None,
            every: Duration::ZERO,
            pace: Pace {
                page: slipway_s3::MAX_LIST,
                batch: 256,
                heads: 32,
            },
            sampling: Sampling::default(),
        }
    }
}

/// The context of maintenance: the record step, and Postgres for the rows of every user.
#[derive(Debug)]
pub struct Maintain {
    stores: Stores,
    settings: Settings,
    /// Postgres with the time limits of maintenance, and the policies that show every row. It emits
    /// no events.
    db: Db,
}

impl Maintain {
    /// Reads the settings of the record step.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let settings = Settings::from_env(env)?;
        Self::with_stores(env, settings, Stores::from_env(env).await?)
    }

    /// Like [`Maintain::from_env`], with credentials that are renewed during the run.
    pub async fn with_keys(env: &Environment, keys: Keys) -> Result<Self, ConfigError> {
        let settings = Settings::from_env(env)?;
        Self::with_stores(env, settings, Stores::with_keys(env, keys).await?)
    }

    fn with_stores(
        env: &Environment,
        settings: Settings,
        stores: Stores,
    ) -> Result<Self, ConfigError> {
        // No client waits for maintenance, and the sum of a large user's rows takes a while.
        let limits = Limits {
            statement: Duration::from_mins(1),
            call: Duration::from_secs(150),
            ..Limits::default()
        };
        Ok(Self {
            stores,
            settings,
            db: Db::new(Config::from_env(env)?.with_limits(limits))?,
        })
    }

    fn recorder(&self) -> Recorder<'_> {
        Recorder::new(&self.stores, &self.settings).for_maintenance()
    }

    /// A recorder for a rebuild or an erasure: the changes are no news for the application.
    fn silent_recorder(&self) -> Recorder<'_> {
        self.recorder().writing_to(&self.db)
    }
}
