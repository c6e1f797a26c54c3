//! Refuses a file that was recorded already.

use slipway_core::{Error, FileRow, Tombstone};
use tokio_postgres::types::Type;

use super::row::value;
use crate::Db;
use crate::transaction::Statement;

/// After a lost response, the second attempt finds the tombstone that the first one made.
const REFUSE: &str = "\
WITH gone AS (
    UPDATE s3_files SET deleted_at = now(), refused = $6
    WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL
      AND etag = $4 AND upload_timestamp = $5
    RETURNING size
), moved AS (
    UPDATE user_usage AS u SET files = u.files - 1, bytes = u.bytes - gone.size
    FROM gone WHERE user_id = $1
)
SELECT EXISTS (SELECT FROM gone) OR EXISTS (
    SELECT FROM s3_files
    WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NOT NULL
      AND etag = $4 AND upload_timestamp = $5 AND refused = $6) AS is_refused";

impl Db {
    /// Makes the live file `seen` a tombstone that keeps `why`, unless the row has changed since.
    ///
    /// Returns whether it is one now: remove the object then.
    pub async fn refuse_recorded(&self, seen: &FileRow, why: Tombstone) -> Result<bool, Error> {
        const STEP: &str = "refusing a recorded file";
        let key = &seen.object_key;
        let statement = Statement {
            sql: REFUSE,
            params: &[
                (&key.id().uuid(), Type::UUID),
                (&key.as_str(), Type::TEXT),
                (&seen.etag, Type::TEXT),
                (&seen.uploaded_at, Type::TIMESTAMPTZ),
                (&why.stored(), Type::TEXT),
            ],
            // A concurrent record step relies on the row that it has read.
            lock: Some(key.id()),
        };
        let rows = self
            .run(key.owner(), &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.first()
            .map_or(Ok(false), |row| value(row, "is_refused", STEP))
    }
}
