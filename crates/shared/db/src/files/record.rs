//! The record step: the only statement that turns an object into a row, and a row into what S3
//! reports.

use slipway_core::{Code, Error, FileRow, RuleName, StoredObject, Tombstone};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::row::{file_columns, file_row, tombstone, value};
use super::{ObjectAddress, Recorded};
use crate::Db;
use crate::event::insert_event;
use crate::failure::Failure;
use crate::transaction::{Param, Statement};

/// Writes the row of an object.
///
/// - `new` is the object, and `seen` the row that the caller had read before S3 reported the
///   object.
/// - `old` is the row of the id. It is exact: the transaction has taken the lock of the file, and
///   every statement that adds a row or changes its size takes it. A row that becomes a tombstone
///   meanwhile is not written. A row that is dropped meanwhile was a tombstone, or its drop waits
///   for the lock.
/// - `compared` and `verdict` decide whether the row is behind the object (`is_behind`). The later
///   upload wins. S3 reports whole seconds, so of two uploads in one second the later one is known
///   only if the row was read before S3 reported the object (`was_seen`). A row that describes the
///   same object but names another bucket or URL, or lacks its CRC-64/NVME (`is_complete`), is
///   corrected.
/// - `put` writes the row. A tombstone (`f.deleted_at`) is final. A refusal makes a live row a
///   tombstone only if the object is larger or has another type: an accepted file stays accepted,
///   whatever the limits are now. This is decided on the row that is written (`f`), so no earlier
///   read can be stale. The detected type and the scan status belong to the bytes, so both stay as
///   long as the `ETag` does, and a caller that has not read the bytes (`detected_type` is null)
///   removes neither.
/// - `moved` adds to the usage what RETURNING reports, so that a duplicate adds nothing. It writes
///   the quota, and so lets the CHECK enforce it, only if bytes grow: a user over a lowered quota
///   may still delete files and replace them by smaller ones.
/// - `event` is the change as the webhook gets it. It is absent without events.
macro_rules! record {
    ($event:expr) => {
        concat!(
            "\
WITH new AS (
    SELECT $1::text AS user_id, $2::uuid AS id, $3::text AS object_key, $4::text AS bucket,
           $5::text AS file_url, $6::text AS file_name, $7::text AS content_type, $8::bigint AS size,
           $9::text AS etag, $10::bytea AS checksum_sha256, $11::timestamptz AS upload_timestamp,
           $12::text AS detected_type, $13::boolean AS is_refused, $14::text AS refused,
           $15::bigint AS quota_bytes, $16::text AS rule, $17::jsonb AS metadata,
           $18::bytea AS checksum_crc64nvme
), seen AS (
    SELECT $19::text AS etag, $20::timestamptz AS upload_timestamp, $21::text AS file_name,
           $22::text AS content_type, $23::bigint AS size, $24::text AS rule, $25::jsonb AS metadata
), old AS (
    SELECT * FROM s3_files WHERE user_id = $1 AND id = $2
), compared AS (
    SELECT old.upload_timestamp < new.upload_timestamp AS is_earlier,
           (old.etag, old.upload_timestamp, old.file_name, old.content_type, old.size, old.rule, old.metadata)
             IS NOT DISTINCT FROM
             (new.etag, new.upload_timestamp, new.file_name, new.content_type, new.size, new.rule, new.metadata)
             AS is_same,
           (old.etag, old.upload_timestamp, old.file_name, old.content_type, old.size, old.rule, old.metadata)
             IS NOT DISTINCT FROM
             (seen.etag, seen.upload_timestamp, seen.file_name, seen.content_type, seen.size, seen.rule, seen.metadata)
             AS was_seen,
           (old.bucket, old.file_url) = (new.bucket, new.file_url)
             AND (new.checksum_crc64nvme IS NULL OR old.checksum_crc64nvme IS NOT NULL) AS is_complete
    FROM old, new, seen WHERE old.deleted_at IS NULL AND old.object_key = new.object_key
), verdict AS (
    SELECT is_earlier OR CASE WHEN is_same THEN NOT is_complete ELSE was_seen END AS is_behind FROM compared
), put AS (
    INSERT INTO s3_files AS f
        (user_id, id, object_key, bucket, file_url, file_name, content_type, size, etag,
         checksum_sha256, upload_timestamp, deleted_at, refused, detected_type, rule, metadata,
         checksum_crc64nvme)
    SELECT user_id, id, object_key, bucket, file_url, file_name, content_type, size, etag,
           checksum_sha256, upload_timestamp, CASE WHEN is_refused THEN now() END, refused, detected_type,
           rule, metadata, checksum_crc64nvme
    FROM new
    ON CONFLICT (id) DO UPDATE SET
        bucket = excluded.bucket, file_url = excluded.file_url, file_name = excluded.file_name,
        content_type = excluded.content_type, size = excluded.size, etag = excluded.etag,
        rule = excluded.rule, metadata = excluded.metadata, checksum_sha256 = excluded.checksum_sha256,
        checksum_crc64nvme = excluded.checksum_crc64nvme, upload_timestamp = excluded.upload_timestamp,
        (deleted_at, refused) = (
            SELECT excluded.deleted_at, excluded.refused
            WHERE excluded.size > f.size OR excluded.content_type <> f.content_type),
        detected_type = coalesce(excluded.detected_type, CASE WHEN f.etag = excluded.etag THEN f.detected_type END),
        scan_status = CASE WHEN f.etag = excluded.etag THEN f.scan_status END
    WHERE f.deleted_at IS NULL AND f.object_key = excluded.object_key AND (SELECT is_behind FROM verdict)
    RETURNING *
), moved AS (
    INSERT INTO user_usage AS u (user_id, files, bytes, quota_bytes)
    SELECT put.user_id,
           (put.deleted_at IS NULL)::int - (old.id IS NOT NULL AND old.deleted_at IS NULL)::int,
           CASE WHEN put.deleted_at IS NULL THEN put.size ELSE 0 END
             - CASE WHEN old.deleted_at IS NULL THEN coalesce(old.size, 0) ELSE 0 END,
           (SELECT quota_bytes FROM new)
    FROM put LEFT JOIN old ON old.id = put.id
    ON CONFLICT (user_id) DO UPDATE SET
        files = u.files + excluded.files, bytes = u.bytes + excluded.bytes,
        quota_bytes = CASE WHEN excluded.bytes > 0 THEN excluded.quota_bytes ELSE u.quota_bytes END
",
            $event,
            ")
SELECT CASE WHEN old.id IS NULL THEN 'created' ELSE 'updated' END AS outcome,
       put.deleted_at IS NOT NULL AS deleted, put.*
FROM put LEFT JOIN old ON old.id = put.id
UNION ALL
SELECT CASE WHEN (SELECT is_behind FROM verdict) THEN 'gone' ELSE 'kept' END, old.deleted_at IS NOT NULL, old.*
FROM old WHERE NOT EXISTS (SELECT FROM put)"
        )
    };
}

const RECORD: &str = record!("");

/// A correction of a row that describes the same object is not an event: the file is the same.
const RECORD_WITH_EVENT: &str = record!(insert_event!(
    "$26",
    "CASE WHEN f.deleted_at IS NULL THEN 'file.recorded' ELSE 'file.refused' END",
    "f.refused",
    " FROM put AS f WHERE NOT coalesce((SELECT is_same FROM compared), false)"
));

/// Writes the row of an object that has none, with the parameters of [`RECORD`].
///
/// `RECORD` takes Postgres a millisecond, most of it to parse and plan the comparison with a row.
/// This takes a quarter of that. If there is a row, it changes nothing.
macro_rules! create {
    ($event:expr) => {
        concat!(
            "\
WITH new AS (
    SELECT $1::text AS user_id, $2::uuid AS id, $3::text AS object_key, $4::text AS bucket,
           $5::text AS file_url, $6::text AS file_name, $7::text AS content_type, $8::bigint AS size,
           $9::text AS etag, $10::bytea AS checksum_sha256, $11::timestamptz AS upload_timestamp,
           $12::text AS detected_type, $16::text AS rule, $17::jsonb AS metadata,
           $18::bytea AS checksum_crc64nvme
), put AS (
    INSERT INTO s3_files
        (user_id, id, object_key, bucket, file_url, file_name, content_type, size, etag,
         checksum_sha256, upload_timestamp, detected_type, rule, metadata, checksum_crc64nvme)
    SELECT user_id, id, object_key, bucket, file_url, file_name, content_type, size, etag,
           checksum_sha256, upload_timestamp, detected_type, rule, metadata, checksum_crc64nvme
    FROM new
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), moved AS (
    INSERT INTO user_usage AS u (user_id, files, bytes, quota_bytes)
    SELECT user_id, 1, size, $15::bigint FROM put
    ON CONFLICT (user_id) DO UPDATE SET
        files = u.files + excluded.files, bytes = u.bytes + excluded.bytes,
        quota_bytes = CASE WHEN excluded.bytes > 0 THEN excluded.quota_bytes ELSE u.quota_bytes END
",
            $event,
            ")
SELECT ",
            file_columns!(),
            " FROM put"
        )
    };
}

const CREATE: &str = create!("");

const CREATE_WITH_EVENT: &str = create!(insert_event!(
    "$26",
    "'file.recorded'",
    "f.refused",
    " FROM put AS f"
));

const STEP: &str = "recording a file";

impl Db {
    /// Writes what S3 has reported of `object` to the row of its owner.
    ///
    /// - A duplicate, or a report that is older than the row, changes nothing.
    /// - An object that does not fit into `quota_bytes` makes the file a tombstone. The caller
    ///   removes the object.
    /// - After [`Recorded::Stale`], repeat the HEAD and pass the row as `seen`: a report that S3
    ///   gives after the row was read is later than the row. If the result is `Updated`, repeat the
    ///   HEAD once more, in case of a third upload in the same second.
    pub async fn record_file(
        &self,
        object: &StoredObject,
        location: &ObjectAddress<'_>,
        quota_bytes: Option<u64>,
        seen: Option<&FileRow>,
    ) -> Result<Recorded, Error> {
        let recorded = self.try_record_file(object, location, quota_bytes, seen);
        match recorded.await? {
            Some(recorded) => Ok(recorded),
            None => {
                self.tombstone_refused(object, location, Tombstone::OverQuota, seen)
                    .await
            }
        }
    }

    /// The same, except that an object over the quota changes nothing and returns `None`.
    pub async fn try_record_file(
        &self,
        object: &StoredObject,
        location: &ObjectAddress<'_>,
        quota_bytes: Option<u64>,
        seen: Option<&FileRow>,
    ) -> Result<Option<Recorded>, Error> {
        let sql = [RECORD, RECORD_WITH_EVENT];
        match self
            .put(sql, object, location, quota_bytes, seen, None)
            .await
        {
            Err(failure) if failure.constraint() == Some("user_usage_within_quota") => Ok(None),
            Err(failure) => Err(failure.into_error(STEP)),
            Ok(rows) => outcome(rows.first(), object).map(Some),
        }
    }

    /// Writes the row of an object that probably has none yet, with a statement that is cheaper than
    /// that of [`Db::try_record_file`]. Returns `None`, and has changed nothing, if there is a row
    /// or the object does not fit into `quota_bytes`.
    pub async fn try_create_file(
        &self,
        object: &StoredObject,
        location: &ObjectAddress<'_>,
        quota_bytes: Option<u64>,
    ) -> Result<Option<FileRow>, Error> {
        let sql = [CREATE, CREATE_WITH_EVENT];
        match self
            .put(sql, object, location, quota_bytes, None, None)
            .await
        {
            Err(failure) if failure.constraint() == Some("user_usage_within_quota") => Ok(None),
            Err(failure) => Err(failure.into_error(STEP)),
            Ok(rows) => rows.first().map(|row| file_row(row, STEP)).transpose(),
        }
    }

    /// Makes the file of `object` a tombstone with the reason `why`, because the object is refused.
    ///
    /// A live row stays live if the object is not larger and has the same type. It is then recorded
    /// as [`Db::record_file`] does without a quota.
    pub async fn tombstone_refused(
        &self,
        object: &StoredObject,
        location: &ObjectAddress<'_>,
        why: Tombstone,
        seen: Option<&FileRow>,
    ) -> Result<Recorded, Error> {
        let rows = self
            .put(
                [RECORD, RECORD_WITH_EVENT],
                object,
                location,
                None,
                seen,
                Some(why),
            )
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        outcome(rows.first(), object)
    }

    /// Runs the first of `sql`, or with events the second.
    async fn put(
        &self,
        [sql, sql_with_event]: [&'static str; 2],
        object: &StoredObject,
        location: &ObjectAddress<'_>,
        quota_bytes: Option<u64>,
        seen: Option<&FileRow>,
        refused: Option<Tombstone>,
    ) -> Result<Vec<Row>, Failure> {
        let quota = quota_bytes.and_then(|bytes| i64::try_from(bytes).ok());
        let checksum = object.checksum_sha256.map(|sha256| sha256.0.to_vec());
        let crc = object.checksum_crc64nvme.map(|crc| crc.0.to_vec());
        let rule = |rule: Option<&RuleName>| rule.map(|name| name.as_str().to_owned());
        let (is_refused, refused) = (refused.is_some(), refused.and_then(Tombstone::stored));
        let params: [Param<'_>; 25] = [
            (&object.key.id().uuid(), Type::UUID),
            (&object.key.as_str(), Type::TEXT),
            (&location.bucket, Type::TEXT),
            (&location.file_url, Type::TEXT),
            (&object.file_name, Type::TEXT),
            (&object.content_type, Type::TEXT),
            (&as_bigint(object.size), Type::INT8),
            (&object.etag, Type::TEXT),
            (&checksum, Type::BYTEA),
            (&object.last_modified, Type::TIMESTAMPTZ),
            (&object.detected_type, Type::TEXT),
            (&is_refused, Type::BOOL),
            (&refused, Type::TEXT),
            (&quota, Type::INT8),
            (&rule(object.rule.as_ref()), Type::TEXT),
            (&Json(&object.metadata), Type::JSONB),
            (&crc, Type::BYTEA),
            (&seen.map(|row| row.etag.as_str()), Type::TEXT),
            (&seen.map(|row| row.uploaded_at), Type::TIMESTAMPTZ),
            (&seen.map(|row| row.file_name.as_str()), Type::TEXT),
            (&seen.map(|row| row.content_type.as_str()), Type::TEXT),
            (&seen.map(|row| as_bigint(row.size)), Type::INT8),
            (&seen.and_then(|row| rule(row.rule.as_ref())), Type::TEXT),
            (&seen.map(|row| Json(&row.metadata)), Type::JSONB),
            (&Uuid::now_v7(), Type::UUID),
        ];
        let statement = Statement {
            sql: if self.events { sql_with_event } else { sql },
            // Without events the last parameter does not exist.
            params: &params[..params.len() - usize::from(!self.events)],
            lock: Some(object.key.id()),
        };
        self.run(object.key.owner(), &statement).await
    }
}

/// No object has 2^63 bytes or more.
pub(super) fn as_bigint(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(super) fn outcome(row: Option<&Row>, object: &StoredObject) -> Result<Recorded, Error> {
    // Without a row the id is in the table, and row-level security hides it from this caller.
    let row = row.ok_or_else(not_its_file)?;
    if value::<String>(row, "object_key", STEP)? != object.key.as_str() {
        return Err(not_its_file());
    }
    if value::<bool>(row, "deleted", STEP)? {
        return Ok(Recorded::Tombstoned(tombstone(row, STEP)?));
    }
    let file = file_row(row, STEP)?;
    Ok(match value(row, "outcome", STEP)? {
        "created" => Recorded::Created(file),
        "updated" => Recorded::Updated(file),
        // It was live when the statement began, and was deleted before the statement could write.
        "gone" => Recorded::Tombstoned(Tombstone::Deleted),
        _ if file.uploaded_at == object.last_modified && !object.is_described_by(&file) => {
            Recorded::Stale(file)
        }
        _ => Recorded::Unchanged(file),
    })
}

/// The functions never create two keys with one id, so another writer has put the object there.
fn not_its_file() -> Error {
    Error::new(
        Code::InvalidKey,
        "The id in objectKey belongs to another file. Send the objectKey that presigning answered, unchanged.",
    )
}
