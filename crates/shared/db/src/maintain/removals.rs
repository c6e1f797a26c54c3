//! The removal limit: in any 24 hours, at most a share of the live rows and at most a fixed number.
//!
//! Repeated scheduled sweeps must not empty the table. The number of removals is therefore stored
//! in a table and not in the sweep. Postgres' clock decides, and one advisory lock orders
//! concurrent shards.

use slipway_core::Error;
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::files::value;

/// The limit on removals in 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalLimit {
    /// One of this many live rows. One removal is always allowed.
    pub one_of: u32,
    /// The maximum, whatever the share is.
    pub most: u32,
}

/// The remaining allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalsLeft {
    /// The number of removals that are still allowed.
    pub left: u64,
    /// The number of removals in the last 24 hours.
    pub removed: u64,
    /// When the oldest of them stops counting.
    pub more_at: Option<OffsetDateTime>,
}

/// The share applies to the rows before the removals. The count stops at the number of rows that
/// the largest allowance needs.
macro_rules! allowance {
    () => {
        "\
past AS (
    SELECT coalesce(sum(removals), 0)::bigint AS removed,
           min(reserved_at) FILTER (WHERE removals > 0) + interval '24 hours' AS more_at
    FROM maintenance_removals WHERE reserved_at > now() - interval '24 hours' AND batch <> $3
), live AS (
    SELECT count(*) AS rows FROM (SELECT FROM s3_files WHERE deleted_at IS NULL LIMIT $1 * $2) AS counted
), allowance AS (
    SELECT greatest(least($2, greatest(1, (rows + removed) / $1)) - removed, 0)::bigint AS left,
           removed, more_at
    FROM past, live
)"
    };
}

const LEFT: &str = concat!(
    "WITH ",
    allowance!(),
    " SELECT \"left\", removed, more_at FROM allowance"
);

/// Held until the reservation is committed. If two shards reserve at once, the second one counts
/// the first one's reservation.
const LOCK: &str = "SELECT count(pg_advisory_xact_lock(hashtextextended('slipway removals', 0)))";

const FORGET: &str =
    "DELETE FROM maintenance_removals WHERE reserved_at <= now() - interval '24 hours'";

/// The statement may run twice after a broken connection, so it does not count the batch's own row.
const RESERVE: &str = concat!(
    "WITH ",
    allowance!(),
    "
INSERT INTO maintenance_removals AS m (batch, removals)
SELECT $3, least($4, \"left\") FROM allowance WHERE \"left\" > 0
ON CONFLICT (batch) DO UPDATE SET removals = excluded.removals
RETURNING m.removals"
);

const SETTLE: &str = "UPDATE maintenance_removals SET removals = least(removals, $2) WHERE batch = $1 RETURNING batch";

const STEP: &str = "counting removals";

impl Db {
    /// Returns the remaining allowance.
    pub async fn removals_left(&self, limit: RemovalLimit) -> Result<RemovalsLeft, Error> {
        let rows = self
            .run_maintain(&[(
                LEFT,
                &[
                    (&i64::from(limit.one_of), Type::INT8),
                    (&i64::from(limit.most), Type::INT8),
                    (&Uuid::nil(), Type::UUID),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let row = rows
            .first()
            .ok_or_else(|| Error::internal(STEP, "no row was returned"))?;
        let number = |name| value::<i64>(row, name, STEP).map(i64::unsigned_abs);
        Ok(RemovalsLeft {
            left: number("left")?,
            removed: number("removed")?,
            more_at: value(row, "more_at", STEP)?,
        })
    }

    /// Reserves up to `wanted` removals for `batch`, and returns how many it may make.
    pub async fn reserve_removals(
        &self,
        limit: RemovalLimit,
        batch: Uuid,
        wanted: u64,
    ) -> Result<u64, Error> {
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        let reserve: &[_] = &[
            (&i64::from(limit.one_of) as _, Type::INT8),
            (&i64::from(limit.most) as _, Type::INT8),
            (&batch as _, Type::UUID),
            (&wanted as _, Type::INT8),
        ];
        let rows = self
            .run_maintain(&[(LOCK, &[]), (FORGET, &[]), (RESERVE, reserve)])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let granted: i64 = rows
            .first()
            .map_or(Ok(0), |row| value(row, "removals", STEP))?;
        Ok(granted.unsigned_abs())
    }

    /// Records how many of its reserved removals `batch` has made. The others become available
    /// again.
    pub async fn settle_removals(&self, batch: Uuid, made: u64) -> Result<(), Error> {
        let made = i64::try_from(made).unwrap_or(i64::MAX);
        self.run_maintain(&[(SETTLE, &[(&batch, Type::UUID), (&made, Type::INT8)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }
}
