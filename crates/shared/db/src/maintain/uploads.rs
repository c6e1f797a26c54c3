//! Uploads that are finished, aborted or abandoned.

use std::collections::HashSet;
use std::time::Duration;

use slipway_core::{Error, FileId, ObjectKey, UserId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::files::{file_id, object_key, value};

/// An upload whose row can be dropped once S3 has no parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldUpload {
    /// The id of the file, whether it exists or not.
    pub id: FileId,
    /// The key of the file, whether it exists or not.
    pub key: ObjectKey,
    /// S3's id of the upload.
    pub upload_id: String,
    /// Whether the file has a row: it is live or deleted.
    pub recorded: bool,
}

/// An aborted upload keeps its row for a day, so that a repeated abort succeeds.
const OLD: &str = "\
SELECT * FROM (
    SELECT m.id, m.object_key, m.upload_id, m.created_at, m.aborted_at,
           EXISTS (SELECT FROM s3_files AS f WHERE f.id = m.id) AS recorded
    FROM multipart_uploads AS m WHERE m.id > $1
) AS m
WHERE m.recorded OR m.created_at < now() - make_interval(secs => $2)
   OR m.aborted_at < now() - make_interval(secs => $3)
ORDER BY m.id LIMIT $4";

const KNOWN: &str =
    "SELECT upload_id FROM multipart_uploads WHERE upload_id = ANY($1) AND id = ANY($2)";

const DROP: &str = "DELETE FROM multipart_uploads WHERE id = ANY($1) RETURNING id";

const DROP_OF: &str = "DELETE FROM multipart_uploads WHERE user_id = $1 RETURNING id";

const STEP: &str = "walking over uploads";

impl Db {
    /// Returns at most `limit` uploads after the id `after` that are recorded, are older than
    /// `age`, or were aborted more than `aborted` ago.
    pub async fn old_uploads(
        &self,
        after: Option<FileId>,
        age: Duration,
        aborted: Duration,
        limit: u32,
    ) -> Result<Vec<OldUpload>, Error> {
        let after = after.map_or(Uuid::nil(), FileId::uuid);
        let rows = self
            .run_maintain(&[(
                OLD,
                &[
                    (&after, Type::UUID),
                    (&age.as_secs_f64(), Type::FLOAT8),
                    (&aborted.as_secs_f64(), Type::FLOAT8),
                    (&i64::from(limit), Type::INT8),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter()
            .map(|row| {
                Ok(OldUpload {
                    id: file_id(row, STEP)?,
                    key: object_key(row, STEP)?,
                    upload_id: value(row, "upload_id", STEP)?,
                    recorded: value(row, "recorded", STEP)?,
                })
            })
            .collect()
    }

    /// The `uploads` of S3 that have a row.
    pub async fn known_uploads(
        &self,
        uploads: &[(FileId, &str)],
    ) -> Result<HashSet<String>, Error> {
        let ids: Vec<Uuid> = uploads.iter().map(|(id, _)| id.uuid()).collect();
        let names: Vec<&str> = uploads.iter().map(|(_, upload_id)| *upload_id).collect();
        let rows = self
            .run_maintain(&[(
                KNOWN,
                &[(&names, Type::TEXT_ARRAY), (&ids, Type::UUID_ARRAY)],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter()
            .map(|row| value(row, "upload_id", STEP))
            .collect()
    }

    /// Drops the rows of these uploads, and returns their number. S3 must have no parts of them.
    pub async fn drop_uploads(&self, ids: &[FileId]) -> Result<usize, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows = self
            .run_maintain(&[(DROP, &[(&ids, Type::UUID_ARRAY)])])
            .await
            .map_err(|failure| failure.into_error("dropping uploads"))?;
        Ok(rows.len())
    }

    /// Drops the rows of all uploads of `user`, and returns their number. S3 must have no parts of
    /// them.
    pub async fn drop_uploads_of(&self, user: &UserId) -> Result<usize, Error> {
        let rows = self
            .run_maintain(&[(DROP_OF, &[(&user.as_str(), Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error("dropping uploads"))?;
        Ok(rows.len())
    }
}
