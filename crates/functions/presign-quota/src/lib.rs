//! `POST /presign-upload` within a quota: asks Postgres what is left, then signs.
//!
//! A crate of its own, so that `presign` links no database where no quota is set. It refuses early and
//! kindly; what is exact is the record step.

use slipway_api::{Function, Reply, Request, Spent};
use slipway_core::Error;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::{check_quota, quota_bytes};
use slipway_db::Db;
use slipway_presign::Presign;

/// What presigning within a quota needs.
#[derive(Debug)]
pub struct PresignQuota {
    presign: Presign,
    quota_bytes: u64,
    db: Db,
}

impl PresignQuota {
    /// Reads `USER_QUOTA_BYTES` and what `presign` reads.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let quota_bytes =
            quota_bytes(env)?.ok_or_else(|| ConfigError::new("USER_QUOTA_BYTES", "is not set"))?;
        let function = Self {
            presign: Presign::without_quota(env)?,
            quota_bytes,
            db: Db::new(slipway_db::Config::from_env(env)?)?,
        };
        function.db.warm_up().await;
        Ok(function)
    }
}

impl Function for PresignQuota {
    fn spent(&self) -> Spent {
        Spent {
            postgres: self.db.clock().total(),
            ..Spent::default()
        }
    }

    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        let accepted = self.presign.accept(request)?;
        let wanted = accepted.total_bytes()?;
        let held = self.db.holdings(request.user()).await?;
        check_quota(
            wanted,
            held.stored.bytes,
            held.pending_bytes,
            self.quota_bytes,
        )?;
        self.presign.sign(request, &accepted)
    }
}
