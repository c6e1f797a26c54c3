//! The table `multipart_uploads`: one row for each multipart upload that is not recorded yet.

use slipway_core::limits::{MAX_OPEN_UPLOADS, too_many_uploads};
use slipway_core::{Crc64Nvme, Error, FileId, ObjectKey, Parts, RuleName, UserId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::files::{file_id, object_key, value};
use crate::transaction::Statement;

/// An upload that was created in S3.
#[derive(Clone, Copy, Debug)]
pub struct NewUpload<'a> {
    /// The key that the file will have.
    pub key: &'a ObjectKey,
    /// S3's id of the upload.
    pub upload_id: &'a str,
    /// The file's name.
    pub file_name: &'a str,
    /// Its type.
    pub content_type: &'a str,
    /// The rule that it is uploaded under.
    pub rule: Option<&'a RuleName>,
    /// The sizes of its parts.
    pub parts: Parts,
}

/// A row of `multipart_uploads`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// The id that the file will have.
    pub id: FileId,
    /// The key that the file will have.
    pub object_key: ObjectKey,
    /// S3's id of the upload.
    pub upload_id: String,
    /// The file's name.
    pub file_name: String,
    /// Its type.
    pub content_type: String,
    /// The rule that it is uploaded under.
    pub rule: Option<RuleName>,
    /// The sizes of its parts.
    pub parts: Parts,
    /// When it was begun.
    pub created_at: OffsetDateTime,
    /// Whether it can still become a file: it was not aborted, and the file is not recorded.
    pub open: bool,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPage {
    /// Its uploads.
    pub uploads: Vec<UploadRow>,
    /// Where the next page begins, if there may be one.
    pub next: Option<FileId>,
}

/// The limit is exact: every statement that adds a row holds the user's lock, so the count
/// (`others`) includes the rows of all earlier holders. The count stops at the limit, however many
/// older rows there are.
///
/// The response to a COMMIT may be lost. Then the second attempt finds the row, and does not count
/// it.
const ADD: &str = "\
WITH new AS (
    SELECT $1::text AS user_id, $2::uuid AS id, $3::text AS object_key, $4::text AS upload_id,
           $5::text AS file_name, $6::text AS content_type, $7::bigint AS size, $8::bigint AS part_size,
           $9::bigint AS max_open, $10::text AS rule
), others AS (
    SELECT count(*) < $9 AS leave_room FROM (
        SELECT FROM multipart_uploads AS m
        WHERE user_id = $1 AND id <> $2 AND aborted_at IS NULL
          AND NOT EXISTS (SELECT FROM s3_files AS f WHERE user_id = $1 AND f.id = m.id)
        LIMIT $9
    ) AS open
), put AS (
    INSERT INTO multipart_uploads
        (user_id, id, object_key, upload_id, file_name, content_type, size, part_size, rule)
    SELECT user_id, id, object_key, upload_id, file_name, content_type, size, part_size, rule
    FROM new, others WHERE leave_room
    ON CONFLICT (id) DO NOTHING
)
SELECT leave_room OR EXISTS (
    SELECT FROM multipart_uploads WHERE user_id = $1 AND id = $2
) AS leave_room FROM others";

/// An upload ends when its file has a row in `s3_files`, which an event may have recorded.
const FIND: &str = "\
SELECT m.*, aborted_at IS NULL AND NOT EXISTS (
    SELECT FROM s3_files AS f WHERE user_id = $1 AND f.id = m.id) AS open
FROM multipart_uploads AS m WHERE user_id = $1 AND id = $2";

const LIST: &str = "\
SELECT m.*, true AS open FROM multipart_uploads AS m
WHERE user_id = $1 AND id < $2 AND aborted_at IS NULL
  AND NOT EXISTS (SELECT FROM s3_files AS f WHERE user_id = $1 AND f.id = m.id)
ORDER BY id DESC LIMIT $3";

const ABORT: &str = "\
UPDATE multipart_uploads SET aborted_at = coalesce(aborted_at, now())
WHERE user_id = $1 AND id = $2 RETURNING *, false AS open";

/// The first completion keeps its claim. A retry of it finds the same checksum.
const CLAIM: &str = "\
UPDATE multipart_uploads SET completed_with = coalesce(completed_with, $3)
WHERE user_id = $1 AND id = $2 RETURNING completed_with = $3 AS is_first";

const FORGET: &str = "DELETE FROM multipart_uploads WHERE user_id = $1 AND id = $2";

const STEP: &str = "looking up an upload";

impl Db {
    /// Stores the row of an upload that `upload.key.owner()` has begun. Fails with
    /// `too_many_uploads` if the owner already has [`MAX_OPEN_UPLOADS`] open ones.
    pub async fn add_upload(&self, upload: &NewUpload<'_>) -> Result<(), Error> {
        const STEP: &str = "keeping an upload";
        // Both are at most 48.8 TiB.
        let size = upload.parts.size().cast_signed();
        let part_size = upload.parts.part_size().cast_signed();
        let statement = Statement {
            sql: ADD,
            params: &[
                (&upload.key.id().uuid(), Type::UUID),
                (&upload.key.as_str(), Type::TEXT),
                (&upload.upload_id, Type::TEXT),
                (&upload.file_name, Type::TEXT),
                (&upload.content_type, Type::TEXT),
                (&size, Type::INT8),
                (&part_size, Type::INT8),
                (&i64::from(MAX_OPEN_UPLOADS), Type::INT8),
                (&upload.rule.map(RuleName::as_str), Type::TEXT),
            ],
            lock: None,
        };
        let owner = upload.key.owner();
        let rows = self
            .run_under(Some(lock_of(owner)), owner, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let row = rows
            .first()
            .ok_or_else(|| Error::internal(STEP, "a count without a row"))?;
        if value(row, "leave_room", STEP)? {
            Ok(())
        } else {
            Err(too_many_uploads())
        }
    }

    /// Returns upload `id` of `user`, open or not; `None` for an upload of another user.
    pub async fn find_upload(&self, user: &UserId, id: FileId) -> Result<Option<UploadRow>, Error> {
        let rows = self.query_upload(FIND, user, id, STEP).await?;
        rows.first().map(upload_row).transpose()
    }

    /// Returns one page of `user`'s open uploads, below `before`.
    pub async fn list_uploads(
        &self,
        user: &UserId,
        before: Option<FileId>,
        limit: u32,
    ) -> Result<UploadPage, Error> {
        let before = before.map_or(Uuid::max(), FileId::uuid);
        let statement = Statement {
            sql: LIST,
            params: &[(&before, Type::UUID), (&(i64::from(limit) + 1), Type::INT8)],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|failure| failure.into_error("listing uploads"))?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let uploads = rows
            .iter()
            .take(limit)
            .map(upload_row)
            .collect::<Result<Vec<_>, _>>()?;
        // One row more than fits means that there is a next page.
        let more = rows.len() > limit;
        Ok(UploadPage {
            next: uploads.last().filter(|_| more).map(|last| last.id),
            uploads,
        })
    }

    /// Marks upload `id` of `user` as aborted, and returns it. Safe to repeat. Returns `None` if
    /// there is no such upload.
    pub async fn mark_aborted(
        &self,
        user: &UserId,
        id: FileId,
    ) -> Result<Option<UploadRow>, Error> {
        let rows = self
            .query_upload(ABORT, user, id, "giving up an upload")
            .await?;
        rows.first().map(upload_row).transpose()
    }

    /// Notes that upload `id` of `user` is completed with `checksum`. Returns whether its first
    /// completion had the same one. `false` if the upload no longer exists.
    pub async fn claim_completion(
        &self,
        user: &UserId,
        id: FileId,
        checksum: Option<Crc64Nvme>,
    ) -> Result<bool, Error> {
        const STEP: &str = "claiming a completion";
        let checksum = checksum.map_or_else(Vec::new, |crc| crc.0.to_vec());
        let statement = Statement {
            sql: CLAIM,
            params: &[(&id.uuid(), Type::UUID), (&checksum, Type::BYTEA)],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.first()
            .map_or(Ok(false), |row| value(row, "is_first", STEP))
    }

    /// Drops the row of upload `id` of `user`: the file is recorded, or never will be.
    pub async fn forget_upload(&self, user: &UserId, id: FileId) -> Result<(), Error> {
        self.query_upload(FORGET, user, id, "forgetting an upload")
            .await?;
        Ok(())
    }

    /// Drops the row of an upload whose [`Db::add_upload`] has failed. The row may be there, if the
    /// response to the COMMIT was lost, or may still be added by a transaction that runs on. The
    /// lock waits for that transaction.
    pub async fn take_back_upload(&self, user: &UserId, id: FileId) -> Result<(), Error> {
        let statement = Statement {
            sql: FORGET,
            params: &[(&id.uuid(), Type::UUID)],
            lock: None,
        };
        self.run_under(Some(lock_of(user)), user, &statement)
            .await
            .map_err(|failure| failure.into_error("taking back an upload"))?;
        Ok(())
    }

    async fn query_upload(
        &self,
        sql: &'static str,
        user: &UserId,
        id: FileId,
        step: &'static str,
    ) -> Result<Vec<Row>, Error> {
        let statement = Statement {
            sql,
            params: &[(&id.uuid(), Type::UUID)],
            lock: None,
        };
        self.run(user, &statement)
            .await
            .map_err(|failure| failure.into_error(step))
    }
}

/// The lock that [`Db::add_upload`] holds while it counts.
fn lock_of(user: &UserId) -> String {
    format!("slipway uploads of {user}")
}

fn upload_row(row: &Row) -> Result<UploadRow, Error> {
    let bad = |what: &str| {
        Error::internal(
            STEP,
            format!("a row of multipart_uploads has an impossible {what}"),
        )
    };
    let impossible = || bad("length");
    let rule: Option<&str> = value(row, "rule", STEP)?;
    let number = |column| -> Result<u64, Error> {
        u64::try_from(value::<i64>(row, column, STEP)?).map_err(|_| impossible())
    };
    Ok(UploadRow {
        id: file_id(row, STEP)?,
        object_key: object_key(row, STEP)?,
        upload_id: value(row, "upload_id", STEP)?,
        file_name: value(row, "file_name", STEP)?,
        content_type: value(row, "content_type", STEP)?,
        rule: rule
            .map(|name| RuleName::parse(name).ok_or_else(|| bad("rule")))
            .transpose()?,
        parts: Parts::planned(number("size")?, number("part_size")?).ok_or_else(impossible)?,
        created_at: value(row, "created_at", STEP)?,
        open: value(row, "open", STEP)?,
    })
}
