//! Tombstones whose object may still exist, and tombstones that are not needed any more.

use std::time::Duration;

use slipway_core::{Error, FileId, ObjectKey};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::files::{file_id, object_key, value};

/// A deleted file whose row still exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TombstoneRow {
    /// The file's id.
    pub id: FileId,
    /// The key of its object.
    pub key: ObjectKey,
    /// Whether it may have a preview.
    pub has_preview: bool,
    deleted_at: OffsetDateTime,
}

/// The position of a walk over the tombstones.
#[derive(Clone, Copy, Debug)]
pub struct TombstoneCursor(OffsetDateTime, Uuid);

impl Default for TombstoneCursor {
    fn default() -> Self {
        Self(OffsetDateTime::UNIX_EPOCH, Uuid::nil())
    }
}

impl From<&TombstoneRow> for TombstoneCursor {
    fn from(tombstone: &TombstoneRow) -> Self {
        Self(tombstone.deleted_at, tombstone.id.uuid())
    }
}

/// The index on `deleted_at` serves both walks. The second part of the order only separates rows
/// that were deleted at the same time.
///
/// Tombstones that name another bucket are also finished if the ten newest live files are in this
/// bucket, as after a failover, or if no file is live. Otherwise the ids and names of their owners
/// would never be deleted. Until then a run with a wrong bucket must not drop them: their objects
/// may still be in the right bucket, and would come back as files. One live file is not enough to
/// decide this, because a single upload through a wrongly configured deployment creates one.
const UNREMOVED: &str = "\
SELECT id, object_key, deleted_at, preview_etag IS NOT NULL AS has_preview FROM s3_files
WHERE deleted_at >= $1 AND (deleted_at, id) > ($1, $2) AND removed_at IS NULL
  AND (bucket = $3 OR coalesce((
      SELECT bool_and(newest.bucket = $3)
      FROM (SELECT bucket FROM s3_files WHERE deleted_at IS NULL ORDER BY id DESC LIMIT 10) AS newest), true))
ORDER BY deleted_at, id LIMIT $4";

const OLD: &str = "\
SELECT id, object_key, deleted_at, preview_etag IS NOT NULL AS has_preview FROM s3_files
WHERE deleted_at >= $1 AND (deleted_at, id) > ($1, $2)
  AND (bucket = $3 OR coalesce((
      SELECT bool_and(newest.bucket = $3)
      FROM (SELECT bucket FROM s3_files WHERE deleted_at IS NULL ORDER BY id DESC LIMIT 10) AS newest), true))
  AND deleted_at < now() - make_interval(secs => $5)
ORDER BY deleted_at, id LIMIT $4";

const REMOVED: &str = "\
UPDATE s3_files SET removed_at = now()
WHERE id = ANY($1) AND deleted_at IS NOT NULL AND removed_at IS NULL RETURNING id";

/// While a multipart upload is open under the id, its completion could still create an object.
const PURGE: &str = "\
DELETE FROM s3_files AS f
WHERE f.id = ANY($1) AND f.deleted_at < now() - make_interval(secs => $2)
  AND NOT EXISTS (SELECT FROM multipart_uploads AS m WHERE m.id = f.id)
RETURNING f.id";

const STEP: &str = "walking over tombstones";

impl Db {
    /// Returns at most `limit` tombstones after `after`, oldest first, that a run on `bucket` must
    /// finish and whose objects are not known to be removed.
    pub async fn unremoved_tombstones(
        &self,
        bucket: &str,
        after: TombstoneCursor,
        limit: u32,
    ) -> Result<Vec<TombstoneRow>, Error> {
        let rows = self
            .run_maintain(&[(
                UNREMOVED,
                &[
                    (&after.0, Type::TIMESTAMPTZ),
                    (&after.1, Type::UUID),
                    (&bucket, Type::TEXT),
                    (&i64::from(limit), Type::INT8),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter().map(tombstone).collect()
    }

    /// Returns the same, but of all tombstones older than `age`, whether or not their objects are
    /// known to be removed.
    pub async fn old_tombstones(
        &self,
        bucket: &str,
        age: Duration,
        after: TombstoneCursor,
        limit: u32,
    ) -> Result<Vec<TombstoneRow>, Error> {
        let rows = self
            .run_maintain(&[(
                OLD,
                &[
                    (&after.0, Type::TIMESTAMPTZ),
                    (&after.1, Type::UUID),
                    (&bucket, Type::TEXT),
                    (&i64::from(limit), Type::INT8),
                    (&age.as_secs_f64(), Type::FLOAT8),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter().map(tombstone).collect()
    }

    /// Records that S3 has removed the objects of these tombstones.
    pub async fn mark_removed(&self, ids: &[FileId]) -> Result<usize, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = self
            .run_maintain(&[(REMOVED, &[(&ids, Type::UUID_ARRAY)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(rows.len())
    }

    /// Drops those of these tombstones that are older than `age`, and returns them. Their objects
    /// must be removed already.
    pub async fn purge_tombstones(
        &self,
        ids: &[FileId],
        age: Duration,
    ) -> Result<Vec<FileId>, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = self
            .run_maintain(&[(
                PURGE,
                &[(&ids, Type::UUID_ARRAY), (&age.as_secs_f64(), Type::FLOAT8)],
            )])
            .await
            .map_err(|failure| failure.into_error("dropping tombstones"))?;
        rows.iter().map(|row| file_id(row, STEP)).collect()
    }
}

fn tombstone(row: &Row) -> Result<TombstoneRow, Error> {
    Ok(TombstoneRow {
        id: file_id(row, STEP)?,
        key: object_key(row, STEP)?,
        has_preview: value(row, "has_preview", STEP)?,
        deleted_at: value(row, "deleted_at", STEP)?,
    })
}
