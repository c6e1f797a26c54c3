//! Deletes files: they are hidden at once. Their objects are removed afterwards.

use slipway_core::{Error, FileId, ObjectKey, UserId};
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::{file_id, object_key, value};
use crate::Db;
use crate::event::{event_ids, insert_event};
use crate::transaction::{Param, Statement};

/// A file that was deleted, and whose objects may be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The file's id.
    pub id: FileId,
    /// The key of its object.
    pub key: ObjectKey,
    /// Whether it may have a preview.
    pub has_preview: bool,
}

/// Locks the rows in the order of their ids, turns live ones into tombstones, and subtracts them
/// from the usage.
///
/// `$3` is the time of this call. If the response to the first attempt was lost, the second attempt
/// finds rows with exactly that time. It reports them as well, because this call has deleted them.
macro_rules! delete {
    ($event:expr) => {
        concat!(
            "\
WITH mine AS (
    SELECT id, object_key, deleted_at, preview_etag FROM s3_files
    WHERE user_id = $1 AND id = ANY($2) ORDER BY id FOR UPDATE
), gone AS (
    UPDATE s3_files AS f SET deleted_at = $3
    FROM mine WHERE f.id = mine.id AND mine.deleted_at IS NULL
    RETURNING f.*
), moved AS (
    UPDATE user_usage AS u SET files = u.files - sums.files, bytes = u.bytes - sums.bytes
    FROM (SELECT count(*) AS files, sum(size)::bigint AS bytes FROM gone) AS sums
    WHERE user_id = $1 AND sums.files > 0
",
            $event,
            "\
)
SELECT id, object_key, preview_etag IS NOT NULL AS has_preview FROM gone
UNION ALL
SELECT id, object_key, preview_etag IS NOT NULL FROM mine WHERE deleted_at = $3
ORDER BY id"
        )
    };
}

const DELETE: &str = delete!("");

const DELETE_WITH_EVENT: &str = delete!(insert_event!(
    "e.id",
    "'file.deleted'",
    "NULL",
    " FROM gone AS f JOIN unnest($2, $4::uuid[]) AS e (file_id, id) ON e.file_id = f.id"
));

impl Db {
    /// Turns the live files among `ids` of `user` into tombstones, and returns them.
    pub async fn delete_files(&self, user: &UserId, ids: &[FileId]) -> Result<Vec<Hidden>, Error> {
        const STEP: &str = "deleting files";
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let events = event_ids(ids.len());
        let params: [Param<'_>; 3] = [
            (&ids, Type::UUID_ARRAY),
            (&OffsetDateTime::now_utc(), Type::TIMESTAMPTZ),
            (&events, Type::UUID_ARRAY),
        ];
        let statement = Statement {
            sql: if self.events {
                DELETE_WITH_EVENT
            } else {
                DELETE
            },
            params: &params[..params.len() - usize::from(!self.events)],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter()
            .map(|row| {
                Ok(Hidden {
                    id: file_id(row, STEP)?,
                    key: object_key(row, STEP)?,
                    has_preview: value(row, "has_preview", STEP)?,
                })
            })
            .collect()
    }
}
