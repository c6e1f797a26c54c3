//! How many removals a run may still make: 1 % of the live rows or 1,000 in any 24 hours.
//!
//! Many rows without an object look like a wrong bucket, not like lost objects. The allowance is kept in Postgres, so that
//! repeated sweeps and concurrent shards share one.

use std::sync::atomic::{AtomicU64, Ordering};

use slipway_core::Error;
use slipway_db::Db;
use slipway_db::maintain::{RemovalLimit, RemovalsLeft};
use uuid::Uuid;

use crate::Options;

/// The contract's limit.
const LIMIT: RemovalLimit = RemovalLimit {
    one_of: 100,
    most: 1000,
};

/// The allowance as one run sees it.
#[derive(Debug)]
pub(crate) struct Allowance<'a> {
    db: &'a Db,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// `--force`: no limit, and nothing is counted.
    Unlimited,
    /// A dry run reserves nothing. This is what a run that applies would still have.
    Shown(AtomicU64),
    /// Kept in Postgres.
    Kept,
}

/// Removals that were granted.
#[derive(Debug)]
pub(crate) struct Grant {
    batch: Option<Uuid>,
    /// How many.
    pub(crate) removals: usize,
}

impl<'a> Allowance<'a> {
    /// The allowance of a run with these options.
    pub(crate) async fn new(db: &'a Db, options: &Options) -> Result<Self, Error> {
        let kind = if options.force {
            Kind::Unlimited
        } else if options.apply {
            Kind::Kept
        } else {
            Kind::Shown(AtomicU64::new(db.removals_left(LIMIT).await?.left))
        };
        Ok(Self { db, kind })
    }

    /// How many removals are left; `None` where there is no limit.
    pub(crate) async fn left(&self) -> Result<Option<u64>, Error> {
        match &self.kind {
            Kind::Unlimited => Ok(None),
            Kind::Shown(left) => Ok(Some(left.load(Ordering::Relaxed))),
            Kind::Kept => Ok(Some(self.db.removals_left(LIMIT).await?.left)),
        }
    }

    /// Reserves removals before they are made, so that no crash leaves one uncounted. Grants `wanted` or fewer.
    pub(crate) async fn take(&self, wanted: usize) -> Result<Grant, Error> {
        if wanted == 0 {
            return Ok(Grant {
                batch: None,
                removals: 0,
            });
        }
        let number = u64::try_from(wanted).unwrap_or(u64::MAX);
        let (batch, granted) = match &self.kind {
            Kind::Unlimited => (None, number),
            Kind::Shown(left) => {
                let before = left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        Some(left.saturating_sub(number))
                    })
                    .unwrap_or_default();
                (None, before.min(number))
            }
            Kind::Kept => {
                let batch = Uuid::new_v4();
                let granted = self.db.reserve_removals(LIMIT, batch, number).await?;
                (Some(batch), granted)
            }
        };
        Ok(Grant {
            batch,
            removals: usize::try_from(granted).unwrap_or(usize::MAX),
        })
    }

    /// Notes how many of the granted removals were made. The others are free again.
    pub(crate) async fn settle(&self, grant: Grant, made: usize) -> Result<(), Error> {
        match grant.batch {
            Some(batch) if made < grant.removals => {
                let made = u64::try_from(made).unwrap_or(u64::MAX);
                self.db.settle_removals(batch, made).await
            }
            _ => Ok(()),
        }
    }
}

/// What is left of the allowance, for a report to a person.
pub(crate) async fn left(db: &Db) -> Result<RemovalsLeft, Error> {
    db.removals_left(LIMIT).await
}
