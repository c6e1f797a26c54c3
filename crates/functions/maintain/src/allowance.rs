//! The limit of removals: 1 % of the live rows, and at most 1,000, in any 24 hours.
//!
//! Many rows without an object suggest a wrong bucket, not lost objects. The allowance is stored in
//! Postgres, so that repeated sweeps and concurrent shards share it.

use std::sync::atomic::{AtomicU64, Ordering};

use slipway_core::Error;
use slipway_db::Db;
use slipway_db::maintain::RemovalLimit;
#[cfg(feature = "command")]
use slipway_db::maintain::RemovalsLeft;
use uuid::Uuid;

use crate::Options;

/// The limit that docs/maintain.md promises.
const LIMIT: RemovalLimit = RemovalLimit {
    one_of: 100,
    most: 1000,
};

/// The allowance of one run.
///
/// A run never removes more than was left at its start, even if rows that it adds raise the limit.
/// A dry run therefore reports the same removals as the run that follows.
#[derive(Debug)]
pub(crate) struct Allowance<'a> {
    db: &'a Db,
    /// The removals that this run may still make. `None` with `--force`, which has no limit.
    left: Option<AtomicU64>,
    /// Set if removals are reserved in Postgres. A dry run makes none.
    is_kept: bool,
}

/// Removals that were granted.
#[derive(Debug)]
pub(crate) struct Grant {
    batch: Option<Uuid>,
    /// The number of removals granted.
    pub(crate) removals: usize,
}

impl<'a> Allowance<'a> {
    /// The allowance of a run with these options.
    pub(crate) async fn new(db: &'a Db, options: &Options) -> Result<Self, Error> {
        let left = if options.force {
            None
        } else {
            Some(AtomicU64::new(db.removals_left(LIMIT).await?.left))
        };
        let is_kept = options.apply;
        Ok(Self { db, left, is_kept })
    }

    /// The number of removals left. `None` if there is no limit.
    pub(crate) fn left(&self) -> Option<u64> {
        self.left.as_ref().map(|left| left.load(Ordering::Relaxed))
    }

    /// Reserves removals before they are made, so that a crash leaves none uncounted. Grants
    /// `wanted` or fewer.
    pub(crate) async fn take(&self, wanted: usize) -> Result<Grant, Error> {
        let Some(left) = self.left.as_ref().filter(|_| wanted > 0) else {
            return Ok(Grant {
                batch: None,
                removals: wanted,
            });
        };
        let number = u64::try_from(wanted).unwrap_or(u64::MAX);
        let before = left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_sub(number))
            })
            .unwrap_or_default();
        let (mut batch, mut granted) = (None, before.min(number));
        if self.is_kept && granted > 0 {
            let new = Uuid::new_v4();
            // Postgres grants fewer if another run has reserved removals in the meantime.
            granted = self.db.reserve_removals(LIMIT, new, granted).await?;
            batch = Some(new);
        }
        Ok(Grant {
            batch,
            removals: usize::try_from(granted).unwrap_or(usize::MAX),
        })
    }

    /// Records how many of the granted removals were made, and returns the others to the allowance.
    pub(crate) async fn settle(&self, grant: Grant, made: usize) -> Result<(), Error> {
        let unused = grant.removals.saturating_sub(made) as u64;
        if unused == 0 {
            return Ok(());
        }
        if let Some(left) = &self.left {
            left.fetch_add(unused, Ordering::Relaxed);
        }
        if let Some(batch) = grant.batch {
            let made = u64::try_from(made).unwrap_or(u64::MAX);
            self.db.settle_removals(batch, made).await?;
        }
        Ok(())
    }
}

/// The rest of the allowance, for the report of the command.
#[cfg(feature = "command")]
pub(crate) async fn left(db: &Db) -> Result<RemovalsLeft, Error> {
    db.removals_left(LIMIT).await
}
