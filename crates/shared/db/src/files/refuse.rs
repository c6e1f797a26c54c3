//! Refuses a file that was recorded already.

use slipway_core::{Error, FileRow, Tombstone};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::value;
use crate::Db;
use crate::event::insert_event;
use crate::transaction::{Param, Statement};

/// After a lost response, the second attempt finds the tombstone that the first one made.
macro_rules! refuse {
    ($event:expr) => {
        concat!(
            "\
WITH gone AS (
    UPDATE s3_files SET deleted_at = now(), refused = $6
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
SELECT EXISTS (SELECT FROM gone) OR EXISTS (
    SELECT FROM s3_files
    WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NOT NULL
      AND etag = $4 AND upload_timestamp = $5 AND refused = $6) AS is_refused"
        )
    };
}

const REFUSE: &str = refuse!("");

const REFUSE_WITH_EVENT: &str = refuse!(insert_event!(
    "$7",
    "'file.refused'",
    "f.refused",
    " FROM gone AS f"
));

impl Db {
    /// Makes the live file `seen` a tombstone that keeps `why`, unless the row has changed since.
    ///
    /// Returns whether it is one now: remove the object then.
    pub async fn refuse_recorded(&self, seen: &FileRow, why: Tombstone) -> Result<bool, Error> {
        const STEP: &str = "refusing a recorded file";
        let key = &seen.object_key;
        let params: [Param<'_>; 6] = [
            (&key.id().uuid(), Type::UUID),
            (&key.as_str(), Type::TEXT),
            (&seen.etag, Type::TEXT),
            (&seen.uploaded_at, Type::TIMESTAMPTZ),
            (&why.stored(), Type::TEXT),
            (&Uuid::now_v7(), Type::UUID),
        ];
        let statement = Statement {
            sql: if self.events {
                REFUSE_WITH_EVENT
            } else {
                REFUSE
            },
            params: &params[..params.len() - usize::from(!self.events)],
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
