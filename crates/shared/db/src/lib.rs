//! Postgres: one connection per execution environment, all statements, and the migrations.
//!
//! - Every statement runs in a transaction of its own that takes the role `slipway_app` and names
//!   the caller, so row-level security applies whatever the statement says. `BEGIN`, the settings,
//!   the statement and `COMMIT` are sent together: one round trip.
//! - Nothing is prepared, so that transaction poolers (Neon's `-pooler`, `PgBouncer`) work.
//! - Every statement may run twice: a broken connection costs one bounded retry, never a wrong
//!   answer.
//! - Statements that change files lock their rows in the order of their ids, and then the row of
//!   `user_usage`. Two calls therefore never deadlock.
//!
//! `tokio_postgres` logs statements at debug level. The log filter of a function must keep it at
//! info or above.
//!
//! ```no_run
//! # // Not run, because it needs a Postgres server.
//! use slipway_core::UserId;
//! use slipway_core::env::Environment;
//! use slipway_db::{Config, Db};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let db = Db::new(Config::from_env(&Environment::process())?)?;
//! let alice = UserId::parse("alice").ok_or("an empty user")?;
//! println!("{} bytes", db.usage(&alice).await?.bytes);
//! # Ok(())
//! # }
//! ```

pub mod config;
mod connect;
pub mod diagnosis;
mod event;
mod failure;
pub mod files;
pub mod maintain;
pub mod migrations;
mod session;
mod tls;
mod transaction;
pub mod uploads;
pub mod usage;
pub mod webhooks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use slipway_core::BusyClock;
use slipway_core::env::ConfigError;
use tokio::sync::Mutex;
use tokio::time::timeout;

pub use config::{Config, Limits};
pub use files::{
    Entry, FilePage, FileState, FileStates, Filter, FolderEntries, FolderPage, Hidden, Looked,
    NamePage, NamedFiles, ObjectAddress, Page, Recorded, Scanned,
};
pub use uploads::{NewUpload, UploadPage, UploadRow};
pub use usage::{Holdings, Usage};

use session::Session;
use tls::Tls;

/// The longest time for a connection during init, whatever `connect_timeout` says. Lambda aborts an
/// init after 10 s.
const WARM_UP: Duration = Duration::from_secs(4);

/// The database: one connection, opened on first use and kept until it breaks.
///
/// Clones share the connection. They may differ in whether their changes emit events.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
    /// Whether a change inserts its event into `webhook_events`.
    events: bool,
}

struct Shared {
    config: Config,
    tls: Tls,
    /// Taken out while in use, so that a call that is dropped early closes its connection.
    session: Mutex<Option<Session>>,
    clock: BusyClock,
}

impl Db {
    /// Parses the trusted certificates, which is the expensive part of TLS. It does not connect.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Ok(Self {
            shared: Arc::new(Shared {
                tls: Tls::new(&config)?,
                config,
                session: Mutex::new(None),
                clock: BusyClock::default(),
            }),
            events: false,
        })
    }

    /// The same database, whose changes of files emit events for the webhook if `events` is true.
    #[must_use]
    pub fn with_events(&self, events: bool) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            events,
        }
    }

    /// The time spent waiting for Postgres, including connecting.
    #[must_use]
    pub fn clock(&self) -> &BusyClock {
        &self.shared.clock
    }

    /// Connects before the first request. A failure is only logged; the first request reports it.
    pub async fn warm_up(&self) {
        let mut slot = self.shared.session.lock().await;
        if slot.is_some() {
            return;
        }
        match timeout(WARM_UP, self.connect()).await {
            Ok(Ok(session)) => *slot = Some(session),
            Ok(Err(failure)) => tracing::debug!(reason = %failure, "not connected yet"),
            Err(_) => tracing::debug!("not connected yet: no answer"),
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}
