//! Drops a row whose object does not exist.

use slipway_core::{Error, FileRow, ObjectKey};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::event::insert_event;
use crate::transaction::{Param, Statement};

macro_rules! forget {
    ($event:expr) => {
        concat!(
            "\
WITH gone AS (
    DELETE FROM s3_files
    WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL
      AND etag = $4 AND upload_timestamp = $5
    RETURNING *
), moved AS (
    UPDATE user_usage AS u SET files = u.files - 1, bytes = u.bytes - gone.size
    FROM (SELECT size FROM gone) AS gone WHERE user_id = $1
",
            $event,
            "\
)
SELECT size FROM gone"
        )
    };
}

const FORGET: &str = forget!("");

const FORGET_WITH_EVENT: &str = forget!(insert_event!(
    "$6",
    "'file.deleted'",
    "NULL",
    " FROM gone AS f"
));

impl Db {
    /// Drops the live row of `key` if it has not changed since `seen`, which was read before a HEAD
    /// found no object.
    ///
    /// Returns whether this call dropped it. After a lost response, the second attempt finds no row
    /// and returns false.
    pub async fn forget_missing(&self, key: &ObjectKey, seen: &FileRow) -> Result<bool, Error> {
        let params: [Param<'_>; 5] = [
            (&key.id().uuid(), Type::UUID),
            (&key.as_str(), Type::TEXT),
            (&seen.etag, Type::TEXT),
            (&seen.uploaded_at, Type::TIMESTAMPTZ),
            (&Uuid::now_v7(), Type::UUID),
        ];
        let statement = Statement {
            sql: if self.events {
                FORGET_WITH_EVENT
            } else {
                FORGET
            },
            params: &params[..params.len() - usize::from(!self.events)],
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
