//! `POST /presign-upload` with a quota: queries the remaining quota in Postgres, then signs.
//!
//! This is a crate of its own, so that `presign` links no database in deployments without a quota.
//! It refuses early, before the upload. The record step enforces the quota exactly.
//!
//! ```text
//! POST /presign-upload {"fileName": "a.txt", "contentType": "text/plain", "size": 5000000000}
//! 413 {"success": false, "code": "quota_exceeded", "error": "…"}
//! ```

use slipway_api::{Function, Reply, Request, Spent};
use slipway_core::Error;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::{check_quota, quota_bytes};
use slipway_db::Db;
use slipway_presign::Presign;

/// The context of presigning within a quota.
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
