//! How far each sweep has come, and who is at it.

use std::time::Duration;

use slipway_core::Error;
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::KeyRange;
use crate::Db;
use crate::files::value;

/// A sweep that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The keys it is about.
    pub range: KeyRange,
    /// The last key that is done.
    pub position: String,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// What it has found and done so far, as JSON.
    pub counters: String,
}

/// What came of asking for a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is the caller's.
    Held(Sweep),
    /// Another worker holds it.
    Busy(Lease),
    /// The last one is too recent for a new one.
    NotDue,
}

/// Until when another worker holds a sweep, by Postgres' clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The sweep's name, such as `reconcile 2/4`.
    pub shard: String,
    /// When the lease ends, unless the worker renews it.
    pub until: OffsetDateTime,
    /// How many seconds that is from now.
    pub seconds: u64,
}

/// Who works at which sweep.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The sweep's name, such as `reconcile 2/4`.
    pub shard: String,
    /// The worker, new for each run.
    pub worker: Uuid,
    /// How long the sweep stays the worker's without a word from it.
    pub lease: Duration,
}

/// Held by whoever plans or takes, one after the other.
const LOCK: &str = "SELECT count(pg_advisory_xact_lock(hashtextextended('slipway maintain', 0)))";

/// The sweeps of all shards begin together, so that their ranges always fit, and only once all before them ended.
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

/// A shard that is done may begin again within its old range while others are still at theirs.
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
    /// Begins sweeps over `shards`, unless one is under way or one began less than `every` ago.
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

    /// Puts the sweeps of `task` that are under way, and that no worker holds, back to the beginning of their ranges.
    pub async fn restart_sweeps(&self, task: &str) -> Result<(), Error> {
        let prefix = format!("{task} ");
        self.run_maintain(&[(LOCK, &[]), (RESTART, &[(&prefix, Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }

    /// Takes a planned sweep, or one that somebody has left.
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

    /// Notes that everything up to `position` is done. False: the sweep is not this worker's any more.
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

    /// Notes that the sweep is done: the next one begins at the beginning.
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

    /// Leaves the sweep where it stands, for whoever comes next.
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
