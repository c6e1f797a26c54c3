//! The rows of all users in the order of their keys, which is the order of S3's lists.

use std::collections::HashSet;

use slipway_core::{Error, FileId, ObjectKey};
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::files::{file_id, value};

/// The columns that a sweep needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRow {
    /// The key, as it is in the table: it may not be one of ours.
    pub object_key: String,
    /// The bucket that holds the object.
    pub bucket: String,
    /// The object's plain URL.
    pub file_url: String,
    /// The object's length in bytes.
    pub size: u64,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// S3's `Last-Modified`.
    pub uploaded_at: OffsetDateTime,
    /// Whether this is a tombstone.
    pub deleted: bool,
    /// Whether the row says that there is a preview of this `ETag`.
    pub has_preview: bool,
}

const ROWS: &str = "\
SELECT object_key, bucket, file_url, size, etag, upload_timestamp, deleted_at IS NOT NULL AS deleted,
       coalesce(preview_etag = etag AND preview_error IS NULL, false) AS has_preview
FROM s3_files
WHERE object_key > $1 AND ($2::text IS NULL OR object_key <= $2)
ORDER BY object_key LIMIT $3";

/// Presigning never creates two keys with one id, so such an object was put there by other means.
const TAKEN: &str = "\
SELECT f.id FROM unnest($1::uuid[], $2::text[]) AS w (id, object_key)
JOIN s3_files AS f ON f.id = w.id AND f.object_key <> w.object_key";

/// The planner's estimate, which needs no count. It is -1 if there is none.
const ESTIMATE: &str = "\
SELECT reltuples::bigint AS rows FROM pg_class WHERE oid = to_regclass('s3_files')";

const EMPTY: &str = "SELECT NOT EXISTS (SELECT FROM s3_files) AS empty";

const STEP: &str = "reading rows in the order of their keys";

impl Db {
    /// Returns at most `limit` rows, live or not, whose keys are after `after` and not after `to`.
    pub async fn rows_after(
        &self,
        after: &str,
        to: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeptRow>, Error> {
        let rows = self
            .run_maintain(&[(
                ROWS,
                &[
                    (&after, Type::TEXT),
                    (&to, Type::TEXT),
                    (&i64::from(limit), Type::INT8),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter()
            .map(|row| {
                Ok(KeptRow {
                    object_key: value(row, "object_key", STEP)?,
                    bucket: value(row, "bucket", STEP)?,
                    file_url: value(row, "file_url", STEP)?,
                    size: value::<i64>(row, "size", STEP)?.unsigned_abs(),
                    etag: value(row, "etag", STEP)?,
                    uploaded_at: value(row, "upload_timestamp", STEP)?,
                    deleted: value(row, "deleted", STEP)?,
                    has_preview: value(row, "has_preview", STEP)?,
                })
            })
            .collect()
    }

    /// Returns the ids of those keys whose id belongs to a file under another key.
    pub async fn taken_ids(&self, keys: &[&ObjectKey]) -> Result<HashSet<FileId>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.id().uuid()).collect();
        let keys: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
        let rows = self
            .run_maintain(&[(
                TAKEN,
                &[(&ids, Type::UUID_ARRAY), (&keys, Type::TEXT_ARRAY)],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter().map(|row| file_id(row, STEP)).collect()
    }

    /// Returns an estimate of the number of rows: 0 if Postgres has no statistics yet.
    pub async fn estimate_rows(&self) -> Result<u64, Error> {
        self.number(&[(ESTIMATE, &[])]).await
    }

    /// Returns whether the table is empty, tombstones included.
    pub async fn has_no_rows(&self) -> Result<bool, Error> {
        let rows = self
            .run_maintain(&[(EMPTY, &[])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.first()
            .map_or(Ok(false), |row| value(row, "empty", STEP))
    }

    async fn number(&self, steps: &[crate::transaction::Step<'_>]) -> Result<u64, Error> {
        let rows = self
            .run_maintain(steps)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let number: i64 = rows.first().map_or(Ok(0), |row| value(row, "rows", STEP))?;
        Ok(u64::try_from(number).unwrap_or_default())
    }
}
