//! The record step: the one way in which an object becomes a row, and a row becomes what S3 has.

use slipway_core::{Code, Error, FileRow, StoredObject};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::row::{file_row, tombstone_code, value};
use super::{Location, Recorded};
use crate::Db;
use crate::failure::Failure;
use crate::transaction::Statement;

/// The later upload wins; of two in one second, which S3 does not tell apart, the one that S3 had when
/// it was asked after the row was seen (`$14`, `$15`). A tombstone wins always.
///
/// With `$13` the row becomes a tombstone: what S3 has is refused, and the code that says why is kept.
///
/// What is known of the bytes, their type and a scanner's word, stays with their `ETag`; who has not looked at them
/// (`$16` is null) takes nothing away.
///
/// `old` is exact, since the file's lock was taken before this statement began and everybody who adds a row
/// or changes its size holds it. A row that is tombstoned meanwhile is not touched, and one that is dropped
/// meanwhile was a tombstone or is held by the lock.
///
/// Usage moves by what RETURNING says and not by what was asked for, so that a duplicate moves nothing. The
/// quota is written, and so enforced by the CHECK, only where bytes grow: who is over a lowered quota
/// may still delete, and replace a file by a smaller one.
const RECORD: &str = "\
WITH old AS (
    SELECT * FROM s3_files WHERE user_id = $1 AND id = $2
), put AS (
    INSERT INTO s3_files AS f
        (user_id, id, object_key, bucket, file_url, file_name, content_type, size, etag,
         checksum_sha256, upload_timestamp, deleted_at, refused, detected_type)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $13 IS NOT NULL THEN now() END, $13, $16)
    ON CONFLICT (id) DO UPDATE SET
        bucket = excluded.bucket, file_url = excluded.file_url, file_name = excluded.file_name,
        content_type = excluded.content_type, size = excluded.size, etag = excluded.etag,
        checksum_sha256 = excluded.checksum_sha256, upload_timestamp = excluded.upload_timestamp,
        deleted_at = excluded.deleted_at, refused = excluded.refused,
        detected_type = coalesce(excluded.detected_type, CASE WHEN f.etag = excluded.etag THEN f.detected_type END),
        scan_status = CASE WHEN f.etag = excluded.etag THEN f.scan_status END
    WHERE f.deleted_at IS NULL AND f.object_key = excluded.object_key
      AND (f.upload_timestamp < excluded.upload_timestamp
           OR (f.etag = $14 AND f.upload_timestamp = $15
               AND (f.etag, f.upload_timestamp) <> (excluded.etag, excluded.upload_timestamp)))
    RETURNING *
), moved AS (
    INSERT INTO user_usage AS u (user_id, files, bytes, quota_bytes)
    SELECT put.user_id,
           (put.deleted_at IS NULL)::int - (old.id IS NOT NULL AND old.deleted_at IS NULL)::int,
           CASE WHEN put.deleted_at IS NULL THEN put.size ELSE 0 END
             - CASE WHEN old.deleted_at IS NULL THEN coalesce(old.size, 0) ELSE 0 END,
           $12
    FROM put LEFT JOIN old ON old.id = put.id
    ON CONFLICT (user_id) DO UPDATE SET
        files = u.files + excluded.files, bytes = u.bytes + excluded.bytes,
        quota_bytes = CASE WHEN excluded.bytes > 0 THEN excluded.quota_bytes ELSE u.quota_bytes END
)
SELECT CASE WHEN old.id IS NULL THEN 'created' ELSE 'updated' END AS outcome,
       put.deleted_at IS NOT NULL AS deleted, put.*
FROM put LEFT JOIN old ON old.id = put.id
UNION ALL
SELECT CASE WHEN old.object_key = $3 AND old.deleted_at IS NULL
             AND (old.upload_timestamp < $11
                  OR (old.etag = $14 AND old.upload_timestamp = $15 AND (old.etag, old.upload_timestamp) <> ($9, $11)))
            THEN 'gone' ELSE 'kept' END,
       old.deleted_at IS NOT NULL, old.*
FROM old WHERE NOT EXISTS (SELECT FROM put)";

const STEP: &str = "recording a file";

impl Db {
    /// Makes the row of `object`'s owner say what S3 said of it.
    ///
    /// - A duplicate, or news that is older than the row, changes nothing.
    /// - Bytes that do not fit into `quota_bytes` make the file a tombstone: remove the object then.
    /// - After [`Recorded::Stale`], ask S3 again and pass the row as `seen`: what S3 says after the row was seen
    ///   is later than the row. If that answers `Updated`, ask S3 once more, in case of a third upload
    ///   in the same second.
    pub async fn record_file(
        &self,
        object: &StoredObject,
        location: &Location<'_>,
        quota_bytes: Option<u64>,
        seen: Option<&FileRow>,
    ) -> Result<Recorded, Error> {
        match self.put(object, location, quota_bytes, seen, None).await {
            Err(failure) if failure.constraint() == Some("user_usage_within_quota") => {
                self.tombstone_refused(object, location, Code::QuotaExceeded, seen)
                    .await
            }
            Err(failure) => Err(failure.into_error(STEP)),
            Ok(rows) => outcome(&rows, object),
        }
    }

    /// Makes the file of `object` a tombstone, because the object is refused; `why` is kept.
    ///
    /// Answers `Tombstoned` (remove the object), `Unchanged` (the same object was accepted before, or a later
    /// one: leave it) or `Stale`, as [`Db::record_file`] does.
    pub async fn tombstone_refused(
        &self,
        object: &StoredObject,
        location: &Location<'_>,
        why: Code,
        seen: Option<&FileRow>,
    ) -> Result<Recorded, Error> {
        let rows = self
            .put(object, location, None, seen, Some(why))
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        outcome(&rows, object)
    }

    async fn put(
        &self,
        object: &StoredObject,
        location: &Location<'_>,
        quota_bytes: Option<u64>,
        seen: Option<&FileRow>,
        refused: Option<Code>,
    ) -> Result<Vec<Row>, Failure> {
        // Beyond 2^63 there is no object, and a quota is none.
        let size = i64::try_from(object.size).unwrap_or(i64::MAX);
        let quota = quota_bytes.and_then(|bytes| i64::try_from(bytes).ok());
        let checksum = object.checksum_sha256.map(|sha256| sha256.0.to_vec());
        let refused = refused.map(Code::as_str);
        let seen_etag = seen.map(|row| row.etag.as_str());
        let seen_at = seen.map(|row| row.uploaded_at);
        let statement = Statement {
            sql: RECORD,
            params: &[
                (&object.key.id().uuid(), Type::UUID),
                (&object.key.as_str(), Type::TEXT),
                (&location.bucket, Type::TEXT),
                (&location.file_url, Type::TEXT),
                (&object.file_name, Type::TEXT),
                (&object.content_type, Type::TEXT),
                (&size, Type::INT8),
                (&object.etag, Type::TEXT),
                (&checksum, Type::BYTEA),
                (&object.last_modified, Type::TIMESTAMPTZ),
                (&quota, Type::INT8),
                (&refused, Type::TEXT),
                (&seen_etag, Type::TEXT),
                (&seen_at, Type::TIMESTAMPTZ),
                (&object.detected_type, Type::TEXT),
            ],
            lock: Some(object.key.id()),
        };
        self.run(object.key.owner(), &statement).await
    }
}

fn outcome(rows: &[Row], object: &StoredObject) -> Result<Recorded, Error> {
    // No row: the id is in the table, and not for this caller to see.
    let row = rows.first().ok_or_else(not_its_file)?;
    if value::<String>(row, "object_key", STEP)? != object.key.as_str() {
        return Err(not_its_file());
    }
    if value::<bool>(row, "deleted", STEP)? {
        return Ok(Recorded::Tombstoned(tombstone_code(row, STEP)?));
    }
    let file = file_row(row, STEP)?;
    Ok(match value(row, "outcome", STEP)? {
        "created" => Recorded::Created(file),
        "updated" => Recorded::Updated(file),
        // It was live when the statement began, and was deleted before its turn came.
        "gone" => Recorded::Tombstoned(Code::FileDeleted),
        _ if file.uploaded_at == object.last_modified && file.etag != object.etag => {
            Recorded::Stale(file)
        }
        _ => Recorded::Unchanged(file),
    })
}

/// We never make two keys with one id: somebody else has put the object there.
fn not_its_file() -> Error {
    Error::new(
        Code::InvalidKey,
        "The id in objectKey belongs to another file. Send the objectKey that presigning answered, unchanged.",
    )
}
