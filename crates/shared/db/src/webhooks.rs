//! The events for the application's webhook: claims, outcomes, and the wake-up of `notify`.
//!
//! An event is claimed by a lease, not by a lock: its `due_at` moves to the end of the lease, and
//! its number of attempts grows by one. No transaction is open while an event is delivered. If the
//! process dies, the event is due again when the lease ends. The number of attempts identifies the
//! claim, so a late failure does not overwrite the outcome of a later attempt. A late success
//! counts: the application has the event.
//!
//! All times are those of Postgres, so the clocks of the functions do not matter. Every method runs
//! as `slipway_maintain`.

use std::time::Duration;

use slipway_core::{Error, FileId, FileRow};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::files::{file_row, value};

/// A claimed event.
#[derive(Clone, Debug)]
pub struct ClaimedEvent {
    /// The `webhook-id`.
    pub id: Uuid,
    /// The number of attempts, including the one that the claim is for.
    pub attempt: u32,
    /// Such as `file.recorded`.
    pub kind: String,
    /// Why the file was refused, or the result of its scan.
    pub detail: Option<String>,
    /// The owner of the file.
    pub user: String,
    /// When the file was changed.
    pub changed_at: OffsetDateTime,
    /// The file as the change left it.
    pub file: FileRow,
}

/// The outcome of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempted {
    /// The application has the event.
    Delivered,
    /// The application refuses the event for good.
    Stopped,
    /// The attempt failed, for this reason. The next one is after this time.
    Failed(String, Duration),
}

/// What became of the attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Events that are not tried again, because their time is over.
    pub failed: u64,
    /// Events that will be tried again.
    pub waiting: u64,
}

/// The state of an object that an event of S3 reports, to see whether the change it causes has been
/// recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The id of the file.
    pub id: FileId,
    /// The entity tag.
    pub etag: String,
    /// Whether this is the result of a scan.
    pub scanned: bool,
    /// When it happened.
    pub at: OffsetDateTime,
}

/// `SKIP LOCKED`: another process that claims or settles these events at this moment takes care of
/// them.
const CLAIM: &str = "\
WITH due AS (
    SELECT id FROM webhook_events WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE webhook_events AS e
SET due_at = now() + make_interval(secs => $2), attempts = e.attempts + 1,
    first_attempt_at = coalesce(e.first_attempt_at, now())
FROM due WHERE e.id = due.id
RETURNING e.id AS event_id, e.type, e.detail, e.user_id, e.created_at, e.attempts, e.file_id AS id, e.object_key,
          e.file_name, e.content_type, NULL::text AS detected_type, NULL::text AS scan_status, e.size, e.etag, e.rule,
          NULL::text AS preview_etag, NULL::text AS preview_error,
          e.metadata, e.checksum_sha256, e.checksum_crc64nvme, e.upload_timestamp";

/// No attempt begins later than `$6` seconds after the first one.
const SETTLE: &str = "\
WITH attempt AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::float8[])
        AS a (id, attempts, outcome, problem, delay)
), settled AS (
    SELECT e.id, a.problem, now() + make_interval(secs => a.delay) AS next,
           CASE WHEN a.outcome IS NOT NULL THEN a.outcome
                WHEN now() + make_interval(secs => a.delay) > e.first_attempt_at + make_interval(secs => $6)
                THEN 'failed' END AS outcome
    FROM webhook_events AS e JOIN attempt AS a ON a.id = e.id
    WHERE e.outcome IS NULL AND (e.attempts = a.attempts OR a.outcome IS NOT NULL)
    ORDER BY e.id FOR UPDATE OF e
)
UPDATE webhook_events AS e
SET outcome = s.outcome, problem = s.problem,
    due_at = CASE WHEN s.outcome IS NULL THEN s.next END,
    ended_at = CASE WHEN s.outcome IS NOT NULL THEN now() END
FROM settled AS s WHERE e.id = s.id
RETURNING e.outcome";

/// A message is sent unless the one in the queue comes early enough. A handler that died before it
/// could send is repeated, and sends again (`sender`).
const WAKE: &str = "\
WITH next AS (
    SELECT greatest(first.due_at, now()) AS at
    FROM (SELECT min(due_at) AS due_at FROM webhook_events) AS first WHERE first.due_at IS NOT NULL
)
INSERT INTO webhook_wake AS w (wake_at, sender) SELECT at, $1[1] FROM next
ON CONFLICT (id) DO UPDATE SET wake_at = excluded.wake_at, sender = excluded.sender
WHERE w.wake_at <= now() OR w.wake_at > excluded.wake_at + interval '1 second' OR w.sender = ANY ($1)
RETURNING extract(epoch FROM wake_at - now())::float8 AS seconds";

/// The indexes of the sightings whose change is not in the table yet. A file that has changed again
/// since is not waited for.
const UNSEEN: &str = "\
SELECT s.at_index
FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::timestamptz[])
    WITH ORDINALITY AS s (id, etag, scanned, happened_at, at_index)
LEFT JOIN s3_files AS f ON f.id = s.id
WHERE CASE
    WHEN f.id IS NULL THEN true
    WHEN f.deleted_at IS NOT NULL OR f.upload_timestamp > s.happened_at THEN false
    WHEN s.scanned THEN f.etag = s.etag AND f.scan_status IS NULL
    ELSE f.etag <> s.etag
END";

/// The id bounds the scan: it contains the time of the process that made it, and clocks differ by
/// less than an hour.
const REPLAY_COUNT: &str = "\
SELECT count(*) AS events FROM webhook_events
WHERE id >= $1 AND created_at >= $2 AND outcome IS NOT NULL AND ($3 OR outcome = 'failed')";

const REPLAY: &str = "\
WITH again AS (
    UPDATE webhook_events
    SET due_at = now(), attempts = 0, first_attempt_at = NULL, outcome = NULL, ended_at = NULL, problem = NULL
    WHERE id >= $1 AND created_at >= $2 AND outcome IS NOT NULL AND ($3 OR outcome = 'failed')
    RETURNING id
)
SELECT count(*) AS events FROM again";

/// Events of a deployment without `notify` have no outcome. They are kept twice as long.
const EXPIRED: &str = "\
SELECT count(*) AS events FROM webhook_events
WHERE id < $1 AND (ended_at < now() - make_interval(secs => $2)
                   OR created_at < now() - make_interval(secs => 2 * $2))";

const EXPIRE: &str = "\
WITH expired AS (
    DELETE FROM webhook_events WHERE id IN (
        SELECT id FROM webhook_events
        WHERE id < $1 AND (ended_at < now() - make_interval(secs => $2)
                           OR created_at < now() - make_interval(secs => 2 * $2))
        LIMIT 10000)
    RETURNING id
)
SELECT count(*) AS events FROM expired";

impl Db {
    /// Claims at most `limit` due events for the time of `lease`, those that are due longest first.
    pub async fn claim_events(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ClaimedEvent>, Error> {
        const STEP: &str = "claiming events";
        let rows = self
            .run_maintain(&[(
                CLAIM,
                &[
                    (&i64::from(limit), Type::INT8),
                    (&lease.as_secs_f64(), Type::FLOAT8),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let claimed = |row: &Row| {
            Ok(ClaimedEvent {
                id: value(row, "event_id", STEP)?,
                attempt: value::<i32>(row, "attempts", STEP)?.unsigned_abs(),
                kind: value(row, "type", STEP)?,
                detail: value(row, "detail", STEP)?,
                user: value(row, "user_id", STEP)?,
                changed_at: value(row, "created_at", STEP)?,
                file: file_row(row, STEP)?,
            })
        };
        rows.iter().map(claimed).collect()
    }

    /// Stores the outcomes of attempts. An event whose next attempt would begin later than
    /// `retries` after the first one has failed.
    pub async fn settle_events(
        &self,
        attempts: &[(&ClaimedEvent, Attempted)],
        retries: Duration,
    ) -> Result<Settled, Error> {
        const STEP: &str = "storing the outcome of deliveries";
        let ids: Vec<Uuid> = attempts.iter().map(|(event, _)| event.id).collect();
        let numbers: Vec<i32> = attempts
            .iter()
            .map(|(event, _)| i32::try_from(event.attempt).unwrap_or(i32::MAX))
            .collect();
        let outcomes: Vec<Option<&str>> = attempts
            .iter()
            .map(|(_, attempted)| match attempted {
                Attempted::Delivered => Some("delivered"),
                Attempted::Stopped => Some("stopped"),
                Attempted::Failed(..) => None,
            })
            .collect();
        let problems: Vec<Option<&str>> = attempts
            .iter()
            .map(|(_, attempted)| match attempted {
                Attempted::Failed(problem, _) => Some(problem.as_str()),
                Attempted::Delivered | Attempted::Stopped => None,
            })
            .collect();
        let delays: Vec<f64> = attempts
            .iter()
            .map(|(_, attempted)| match attempted {
                Attempted::Failed(_, delay) => delay.as_secs_f64(),
                Attempted::Delivered | Attempted::Stopped => 0.0,
            })
            .collect();
        let rows = self
            .run_maintain(&[(
                SETTLE,
                &[
                    (&ids, Type::UUID_ARRAY),
                    (&numbers, Type::INT4_ARRAY),
                    (&outcomes, Type::TEXT_ARRAY),
                    (&problems, Type::TEXT_ARRAY),
                    (&delays, Type::FLOAT8_ARRAY),
                    (&retries.as_secs_f64(), Type::FLOAT8),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let mut settled = Settled::default();
        for row in &rows {
            match value::<Option<&str>>(row, "outcome", STEP)? {
                Some("failed") => settled.failed += 1,
                None => settled.waiting += 1,
                Some(_) => {}
            }
        }
        Ok(settled)
    }

    /// Returns after what time the handler of `messages` must wake `notify` again. `None` if no
    /// event is pending, or if another message will come early enough.
    pub async fn plan_wake(&self, messages: &[String]) -> Result<Option<Duration>, Error> {
        const STEP: &str = "planning the next delivery";
        let rows = self
            .run_maintain(&[(WAKE, &[(&messages, Type::TEXT_ARRAY)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let seconds: Option<f64> = rows
            .first()
            .map(|row| value(row, "seconds", STEP))
            .transpose()?;
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }

    /// Returns the indexes of those sightings whose change is not in the table yet.
    pub async fn unseen(&self, sightings: &[Sighting]) -> Result<Vec<usize>, Error> {
        const STEP: &str = "comparing the table with events";
        let ids: Vec<Uuid> = sightings.iter().map(|one| one.id.uuid()).collect();
        let etags: Vec<&str> = sightings.iter().map(|one| one.etag.as_str()).collect();
        let scanned: Vec<bool> = sightings.iter().map(|one| one.scanned).collect();
        let times: Vec<OffsetDateTime> = sightings.iter().map(|one| one.at).collect();
        let rows = self
            .run_maintain(&[(
                UNSEEN,
                &[
                    (&ids, Type::UUID_ARRAY),
                    (&etags, Type::TEXT_ARRAY),
                    (&scanned, Type::BOOL_ARRAY),
                    (&times, Type::TIMESTAMPTZ_ARRAY),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter()
            .map(|row| {
                let at: i64 = value(row, "at_index", STEP)?;
                // The ordinality counts from one.
                Ok(usize::try_from(at - 1).unwrap_or(usize::MAX))
            })
            .collect()
    }

    /// Returns how many events that have an outcome are from `since` or later: all of them, or only
    /// those that failed. With `apply`, makes them due again.
    pub async fn replay_events(
        &self,
        since: OffsetDateTime,
        all: bool,
        apply: bool,
    ) -> Result<u64, Error> {
        let first = first_id(since - Duration::from_hours(1));
        self.count_events(
            if apply { REPLAY } else { REPLAY_COUNT },
            &[
                (&first, Type::UUID),
                (&since, Type::TIMESTAMPTZ),
                (&all, Type::BOOL),
            ],
        )
        .await
    }

    /// Returns how many events ended longer than `age` ago. With `apply`, deletes at most 10,000 of
    /// them.
    pub async fn expire_events(&self, age: Duration, apply: bool) -> Result<u64, Error> {
        let last = first_id(OffsetDateTime::now_utc() - age + Duration::from_hours(1));
        self.count_events(
            if apply { EXPIRE } else { EXPIRED },
            &[(&last, Type::UUID), (&age.as_secs_f64(), Type::FLOAT8)],
        )
        .await
    }

    async fn count_events(
        &self,
        sql: &'static str,
        params: &[crate::transaction::Param<'_>],
    ) -> Result<u64, Error> {
        const STEP: &str = "counting events";
        let rows = self
            .run_maintain(&[(sql, params)])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let events: i64 = rows
            .first()
            .map_or(Ok(0), |row| value(row, "events", STEP))?;
        Ok(events.unsigned_abs())
    }
}

/// The smallest UUID version 7 of this millisecond.
fn first_id(at: OffsetDateTime) -> Uuid {
    let millis = at.unix_timestamp_nanos() / 1_000_000;
    let millis = u64::try_from(millis).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}
