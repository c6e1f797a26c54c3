//! The preview of a file: which bytes have one, or why they have none.
//!
//! `preview_etag` is the `ETag` for which this was decided, and `preview_error` the reason for none.
//! An overwrite changes `etag` alone. The preview is then out of date until the function `preview`
//! decides again, and `preview_etag` still says that an object may exist.

use std::collections::HashSet;

use slipway_core::{Error, FileId, FileRow, ObjectKey};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::{file_id, object_key};
use crate::Db;
use crate::transaction::Statement;

/// The `ETag` is compared in the row that is updated, so that a preview never counts for the bytes
/// of an overwrite.
const DECIDE: &str = "\
UPDATE s3_files SET preview_etag = $4, preview_error = $5
WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL AND etag = $4
RETURNING id";

/// The index `s3_files_without_preview` has exactly these rows, in this order.
const WITHOUT: &str = "\
SELECT id, object_key FROM s3_files
WHERE deleted_at IS NULL AND preview_etag IS DISTINCT FROM etag
  AND lower(content_type COLLATE \"C\") ~ '^image/(jpeg|png|webp|gif) *(;|$)' AND id > $1
ORDER BY id LIMIT $2";

/// The preview may have been made again since its HEAD. It is then made once more.
const LOST: &str = "\
UPDATE s3_files SET preview_etag = NULL
WHERE id = ANY($1) AND deleted_at IS NULL AND preview_error IS NULL AND preview_etag IS NOT NULL
RETURNING id";

const LIVE: &str = "\
SELECT id FROM s3_files WHERE id = ANY($1) AND deleted_at IS NULL";

const STEP: &str = "keeping what is known of a preview";

impl Db {
    /// Stores that the bytes of `row` have a preview, or why they have none. Returns whether the
    /// file still has these bytes.
    pub async fn decide_preview(&self, row: &FileRow, error: Option<&str>) -> Result<bool, Error> {
        let key = &row.object_key;
        let statement = Statement {
            sql: DECIDE,
            params: &[
                (&key.id().uuid(), Type::UUID),
                (&key.as_str(), Type::TEXT),
                (&row.etag, Type::TEXT),
                (&error, Type::TEXT),
            ],
            lock: None,
        };
        let rows = self
            .run(key.owner(), &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(!rows.is_empty())
    }

    /// At most `limit` live pictures of all users for whose bytes nothing was decided, with ids
    /// after `after`.
    pub async fn without_preview(
        &self,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<ObjectKey>, Error> {
        let after = after.map_or(Uuid::nil(), FileId::uuid);
        let rows = self
            .run_maintain(&[(
                WITHOUT,
                &[(&after, Type::UUID), (&i64::from(limit), Type::INT8)],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter().map(|row| object_key(row, STEP)).collect()
    }

    /// The ids of these keys that belong to live files.
    pub async fn live_ids(&self, keys: &[ObjectKey]) -> Result<HashSet<FileId>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.id().uuid()).collect();
        let rows = self
            .run_maintain(&[(LIVE, &[(&ids, Type::UUID_ARRAY)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter().map(|row| file_id(row, STEP)).collect()
    }

    /// Makes the function `preview` make the previews of these files again, because S3 does not have
    /// them. Returns how many.
    pub async fn lose_previews(&self, ids: &[FileId]) -> Result<usize, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = self
            .run_maintain(&[(LOST, &[(&ids, Type::UUID_ARRAY)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(rows.len())
    }
}
