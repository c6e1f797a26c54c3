//! Delivers the events in `webhook_events` to the application.
//!
//! # What wakes it
//!
//! The `EventBridge` rules that tell `record-upload` of a change also feed the queue of this
//! function. A message carries no event: it is a reason to look for events that are due. Three
//! things can keep an event from being delivered by the message of its change:
//!
//! 1. The application does not accept it. It is due again later, and a message must come then.
//! 2. `record-upload` has not recorded the change yet. A message names the object that changed, so
//!    the row tells whether the change is in the table. If not, the message must come again.
//! 3. The process dies. Its messages return to the queue, and its leases end.
//!
//! In the first two cases this function sends a message to its own queue, with a delay. SQS could
//! also return the old message, but at most 1,000 times, and an application may be unreachable for
//! longer. While many events are pending, one message is enough: `webhook_wake` holds when it comes,
//! and all other messages end. Postgres is not asked while nothing is due.
//!
//! # Delivery
//!
//! An event is claimed for 60 s ([`slipway_db::webhooks`]), sent as the Standard Webhooks
//! specification says, and settled. 16 events are sent at the same time. No request of a user waits
//! for this function.
//!
//! ```text
//! POST https://app.example/hooks/files
//! webhook-id: 01890a5d-ac96-774b-bcce-b302099a8057
//! webhook-timestamp: 1767225600
//! webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
//!
//! {"type":"file.recorded","timestamp":"…","data":{"userId":"alice","file":{"id":"…", …}}}
//! ```

mod backoff;
mod body;
mod command;
mod endpoint;
mod handler;
mod message;
mod queue;
mod secret;

use std::fmt;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use slipway_core::env::{ConfigError, Environment};
use slipway_db::{Config, Db};

use endpoint::Endpoint;
use queue::Queue;

pub use command::Replay;

/// The context of the function: Postgres, the application, and its own queue.
pub struct Notify {
    db: Db,
    endpoint: Endpoint,
    queue: Queue,
    bucket: String,
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}

impl Notify {
    /// Reads `WEBHOOK_URL`, `WEBHOOK_SECRET`, and the addresses of Postgres and of the queue.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let notify = Self {
            endpoint: Endpoint::from_env(env)?,
            queue: Queue::from_env(env)?,
            bucket: env.required("S3_BUCKET_NAME")?,
            db: Db::new(Config::from_env(env)?)?,
        };
        notify.db.warm_up().await;
        Ok(notify)
    }

    /// Serves invocations until Lambda stops the process.
    pub async fn serve(&self) -> Result<(), lambda_runtime::Error> {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
            self.handle(event).await
        }))
        .await
    }
}
