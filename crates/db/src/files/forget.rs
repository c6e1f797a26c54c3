//! Dropping a row whose object is not there.

use slipway_core::{Error, FileRow, ObjectKey};
use tokio_postgres::types::Type;

use crate::Db;
use crate::transaction::Statement;

const FORGET: &str = "\
WITH gone AS (
    DELETE FROM s3_files
    WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL
      AND etag = $4 AND upload_timestamp = $5
    RETURNING size
), moved AS (
    UPDATE user_usage AS u SET files = u.files - 1, bytes = u.bytes - gone.size
    FROM gone WHERE user_id = $1
)
SELECT size FROM gone";

impl Db {
    /// Drops the live row under `key`, if it still is what was `seen` before a HEAD found no object.
    ///
    /// Answers whether this call dropped it; after a lost answer, the second attempt finds nothing to drop.
    pub async fn forget_missing(&self, key: &ObjectKey, seen: &FileRow) -> Result<bool, Error> {
        let statement = Statement {
            sql: FORGET,
            params: &[
                (&key.id().uuid(), Type::UUID),
                (&key.as_str(), Type::TEXT),
                (&seen.etag, Type::TEXT),
                (&seen.uploaded_at, Type::TIMESTAMPTZ),
            ],
            // Whoever records the file at the same time counts on the row it saw.
            lock: Some(key.id()),
        };
        let rows = self
            .run(key.owner(), &statement)
            .await
            .map_err(|failure| failure.into_error("forgetting a file without an object"))?;
        Ok(!rows.is_empty())
    }
}
