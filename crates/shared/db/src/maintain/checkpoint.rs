//! The progress of each sweep, and the lease of the worker that runs it.

use std::time::Duration;

use slipway_core::Error;
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::KeyRange;
use crate::Db;
use crate::files::value;

/// A sweep that is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Its range of keys.
    pub range: KeyRange,
    /// The last key that was processed.
    pub position: String,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// Its counters so far, as JSON.
    pub counters: String,
}

/// The result of requesting a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The caller holds it.
    Held(Sweep),
    /// Another worker holds it.
    Busy(Lease),
    /// The last one is too recent for a new one.
    NotDue,
}

/// The lease of another worker on a sweep, by Postgres' clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The sweep's name, such as `reconcile 2/4`.
    pub shard: String,
    /// When the lease ends, unless the worker renews it.
    pub until: OffsetDateTime,
    /// The number of seconds from now until then.
    pub seconds: u64,
}

/// The worker of a sweep.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The sweep's name, such as `reconcile 2/4`.
    pub shard: String,
    /// The worker, new for each run.
    pub worker: Uuid,
    /// The time after which the lease expires, unless the worker renews it.
    pub lease: Duration,
}

/// Serializes transactions that plan or take sweeps.
const LOCK: &str = "SELECT count(pg_advisory_xact_lock(hashtextextended('slipway maintain', 0)))";

/// Starts the sweeps of all shards together, so that their ranges always fit. Starts them only
/// after all previous sweeps have ended.
const PLAN: &str = "\
INSERT INTO maintenance AS m (shard, range_from, range_to, position, started_at)
SELECT s.shard, s.range_from, s.range_to, s.range_from, now()
FROM unnest($1::text[], $2::text[], $3::text[]) AS s (shard, range_from, range_to)
WHERE NOT EXISTS (
    SELECT FROM maintenance AS o WHERE o.shard = ANY($1)
    AND (o.position IS NOT NULL OR o.held_until > now() OR o.started_at > now() - make_interval(secs => $4)))
ON CONFLICT (shard) DO UPDATE SET
    range_from = excluded.range_from, range_to = excluded.range_to, position = excluded.position,
    started_at = excluded.started_at, counters = '{}', held_by = NULL, held_until = NULL";

/// A finished shard may restart within its old range while other shards are still running.
const TAKE: &str = "\
UPDATE maintenance SET
    held_by = $2, held_until = now() + make_interval(secs => $3),
    started_at = CASE WHEN position IS NULL THEN now() ELSE started_at END,
    counters = CASE WHEN position IS NULL THEN '{}' ELSE counters END,
    position = coalesce(position, range_from)
WHERE shard = $1 AND (held_until IS NULL OR held_until <= now() OR held_by = $2)
  AND (position IS NOT NULL OR started_at <= now() - make_interval(secs => $4))
RETURNING range_from, range_to, position, started_at, counters::text AS counters";

const HELD: &str = "\
SELECT held_until, ceil(extract(epoch FROM held_until - now()))::bigint AS seconds
FROM maintenance WHERE shard = $1 AND held_until > now()";

const SAVE: &str = "\
UPDATE maintenance SET
    position = $3, counters = $4::text::jsonb, held_until = now() + make_interval(secs => $5)
WHERE shard = $1 AND held_by = $2 RETURNING shard";

const FINISH: &str = "\
UPDATE maintenance SET
    position = NULL, finished_at = now(), counters = $3::text::jsonb,
    held_by = NULL, held_until = NULL
WHERE shard = $1 AND held_by = $2 RETURNING shard";

const RELEASE: &str = "\
UPDATE maintenance SET held_by = NULL, held_until = NULL WHERE shard = $1 AND held_by = $2 RETURNING shard";

const UNDER_WAY: &str = "\
SELECT shard FROM maintenance WHERE starts_with(shard, $1) AND position IS NOT NULL ORDER BY shard";

const RESTART: &str = "\
UPDATE maintenance SET position = range_from, counters = '{}'
WHERE starts_with(shard, $1) AND position IS NOT NULL AND (held_until IS NULL OR held_until <= now())
RETURNING shard";

const STEP: &str = "keeping the checkpoint";

impl Db {
    /// Begins sweeps over `shards`, unless one is running or one began less than `every` ago.
    pub async fn plan_sweeps(
        &self,
        shards: &[(String, KeyRange)],
        every: Duration,
    ) -> Result<(), Error> {
        let names: Vec<&str> = shards.iter().map(|(name, _)| name.as_str()).collect();
        let from: Vec<&str> = shards
            .iter()
            .map(|(_, range)| range.from.as_str())
            .collect();
        let to: Vec<Option<&str>> = shards
            .iter()
            .map(|(_, range)| range.to.as_deref())
            .collect();
        let plan: &[_] = &[
            (&names as _, Type::TEXT_ARRAY),
            (&from as _, Type::TEXT_ARRAY),
            (&to as _, Type::TEXT_ARRAY),
            (&every.as_secs_f64() as _, Type::FLOAT8),
        ];
        self.run_maintain(&[(LOCK, &[]), (PLAN, plan)])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }

    /// The names of the sweeps of `task`, such as `rebuild`, that have begun and not ended.
    pub async fn sweeps_under_way(&self, task: &str) -> Result<Vec<String>, Error> {
        let prefix = format!("{task} ");
        let rows = self
            .run_maintain(&[(UNDER_WAY, &[(&prefix, Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter().map(|row| value(row, "shard", STEP)).collect()
    }

    /// Resets the unfinished sweeps of `task` that no worker holds to the beginning of their
    /// ranges.
    pub async fn restart_sweeps(&self, task: &str) -> Result<(), Error> {
        let prefix = format!("{task} ");
        self.run_maintain(&[(LOCK, &[]), (RESTART, &[(&prefix, Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }

    /// Takes a planned sweep, or one whose lease was released or has expired.
    pub async fn take_sweep(&self, own: &Checkpoint, every: Duration) -> Result<Hold, Error> {
        let take: &[_] = &[
            (&own.shard as _, Type::TEXT),
            (&own.worker as _, Type::UUID),
            (&own.lease.as_secs_f64() as _, Type::FLOAT8),
            (&every.as_secs_f64() as _, Type::FLOAT8),
        ];
        let failed = |failure: crate::failure::Failure| failure.into_error(STEP);
        let rows = self
            .run_maintain(&[(LOCK, &[]), (TAKE, take)])
            .await
            .map_err(failed)?;
        if let Some(row) = rows.first() {
            return Ok(Hold::Held(Sweep {
                range: KeyRange {
                    from: value(row, "range_from", STEP)?,
                    to: value(row, "range_to", STEP)?,
                },
                position: value(row, "position", STEP)?,
                started_at: value(row, "started_at", STEP)?,
                counters: value(row, "counters", STEP)?,
            }));
        }
        let rows = self
            .run_maintain(&[(HELD, &[(&own.shard, Type::TEXT)])])
            .await
            .map_err(failed)?;
        let Some(row) = rows.first() else {
            return Ok(Hold::NotDue);
        };
        Ok(Hold::Busy(Lease {
            shard: own.shard.clone(),
            until: value(row, "held_until", STEP)?,
            seconds: value::<i64>(row, "seconds", STEP)?.unsigned_abs(),
        }))
    }

    /// Records that all keys up to `position` are done. Returns false if the worker has lost the
    /// sweep.
    pub async fn save_sweep(
        &self,
        own: &Checkpoint,
        position: &str,
        counters: &str,
    ) -> Result<bool, Error> {
        self.checkpoint((
            SAVE,
            &[
                (&own.shard, Type::TEXT),
                (&own.worker, Type::UUID),
                (&position, Type::TEXT),
                (&counters, Type::TEXT),
                (&own.lease.as_secs_f64(), Type::FLOAT8),
            ],
        ))
        .await
    }

    /// Records that the sweep is done. The next one starts at the beginning of the range.
    pub async fn finish_sweep(&self, own: &Checkpoint, counters: &str) -> Result<bool, Error> {
        self.checkpoint((
            FINISH,
            &[
                (&own.shard, Type::TEXT),
                (&own.worker, Type::UUID),
                (&counters, Type::TEXT),
            ],
        ))
        .await
    }

    /// Releases the sweep at its position, so that another worker can continue it.
    pub async fn release_sweep(&self, own: &Checkpoint) -> Result<bool, Error> {
        self.checkpoint((
            RELEASE,
            &[(&own.shard, Type::TEXT), (&own.worker, Type::UUID)],
        ))
        .await
    }

    async fn checkpoint(&self, step: crate::transaction::Step<'_>) -> Result<bool, Error> {
        let rows = self
            .run_maintain(&[step])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(!rows.is_empty())
    }
}
