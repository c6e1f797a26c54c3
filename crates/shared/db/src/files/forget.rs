//! Drops a row whose object does not exist.

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
    /// Drops the live row of `key` if it has not changed since `seen`, which was read before a HEAD
    /// found no object.
    ///
    /// Returns whether this call dropped it. After a lost response, the second attempt finds no row
    /// and returns false.
    pub async fn forget_missing(&self, key: &ObjectKey, seen: &FileRow) -> Result<bool, Error> {
        let statement = Statement {
            sql: FORGET,
            params: &[
                (&key.id().uuid(), Type::UUID),
                (&key.as_str(), Type::TEXT),
                (&seen.etag, Type::TEXT),
                (&seen.uploaded_at, Type::TIMESTAMPTZ),
            ],
            // A concurrent record step relies on the row that it has read.
            lock: Some(key.id()),
        };
        let rows = self
            .run(key.owner(), &statement)
            .await
            .map_err(|failure| failure.into_error("forgetting a file without an object"))?;
        Ok(!rows.is_empty())
    }
}
