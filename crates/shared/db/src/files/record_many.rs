//! The record step for many files of one user, in one statement.
//!
//! It decides for each file as [`super::record`] does for one; a test plays the same histories
//! through both. Only the quota differs: if one of the files does not fit, the call changes nothing,
//! and the caller selects the files that are refused. A file fits if it would fit after the files
//! before it, in the order of the call. A later file that shrinks makes no room for an earlier one.

use std::collections::HashMap;

use slipway_core::{Error, FileId, FileRow, Metadata, RuleName, StoredObject, Tombstone, UserId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use super::record::{as_bigint, outcome};
use super::row::{file_id, file_row, tombstone, value};
use super::{FileState, Recorded};
use crate::Db;
use crate::event::{event_ids, insert_event};
use crate::transaction::{Param, Statement};

/// An object that is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The object as S3 reported it.
    pub object: &'a StoredObject,
    /// The unsigned URL.
    pub file_url: &'a str,
    /// The row that was read before the HEAD, as in [`Db::record_file`].
    pub seen: Option<&'a FileRow>,
    /// Why the object is refused, as in [`Db::tombstone_refused`].
    pub refused: Option<Tombstone>,
}

/// The same locks as the record step of one file takes, in the order of the ids.
const LOCK: &str = "\
SELECT count(pg_advisory_xact_lock(hashtextextended('slipway file ' || id, 0)))
FROM (SELECT id FROM unnest($1::text[]) AS id ORDER BY id) AS ids";

/// `peak` is the highest growth of the usage at a file that grows, in the order of the call. A
/// usage that would exceed the quota there is refused through the CHECK, which no usage with a
/// quota of -1 fulfils. The comparison uses the row that is updated (`u`), so it is exact.
macro_rules! record {
    ($event:expr) => {
        concat!(
            "\
WITH new AS (
    SELECT * FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bytea[],
                         $12::bytea[], $13::timestamptz[], $14::text[], $15::text[], $16::jsonb[], $17::text[]) WITH ORDINALITY
        AS n (id, object_key, file_url, file_name, content_type, size, etag, checksum_sha256,
              checksum_crc64nvme, upload_timestamp, detected_type, rule, metadata, refused, at)
), seen AS (
    SELECT * FROM unnest($4::uuid[], $18::text[], $19::timestamptz[], $20::text[], $21::text[], $22::bigint[], $23::text[],
                         $24::jsonb[])
        AS s (id, etag, upload_timestamp, file_name, content_type, size, rule, metadata)
), old AS (
    SELECT * FROM s3_files WHERE user_id = $1 AND id = ANY ($4)
), compared AS (
    SELECT old.id, old.upload_timestamp < new.upload_timestamp AS is_earlier,
           (old.etag, old.upload_timestamp, old.file_name, old.content_type, old.size, old.rule, old.metadata)
             IS NOT DISTINCT FROM
             (new.etag, new.upload_timestamp, new.file_name, new.content_type, new.size, new.rule, new.metadata)
             AS is_same,
           (old.etag, old.upload_timestamp, old.file_name, old.content_type, old.size, old.rule, old.metadata)
             IS NOT DISTINCT FROM
             (seen.etag, seen.upload_timestamp, seen.file_name, seen.content_type, seen.size, seen.rule, seen.metadata)
             AS was_seen,
           (old.bucket, old.file_url) = ($2, new.file_url)
             AND (new.checksum_crc64nvme IS NULL OR old.checksum_crc64nvme IS NOT NULL) AS is_complete
    FROM old JOIN new ON new.id = old.id JOIN seen ON seen.id = old.id
    WHERE old.deleted_at IS NULL AND old.object_key = new.object_key
), verdict AS (
    SELECT id, is_earlier OR CASE WHEN is_same THEN NOT is_complete ELSE was_seen END AS is_behind FROM compared
), put AS (
    INSERT INTO s3_files AS f
        (user_id, id, object_key, bucket, file_url, file_name, content_type, size, etag,
         checksum_sha256, upload_timestamp, deleted_at, refused, detected_type, rule, metadata, checksum_crc64nvme)
    SELECT $1, id, object_key, $2, file_url, file_name, content_type, size, etag,
           checksum_sha256, upload_timestamp, CASE WHEN refused IS NOT NULL THEN now() END, refused, detected_type,
           rule, metadata, checksum_crc64nvme
    FROM new ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        bucket = excluded.bucket, file_url = excluded.file_url, file_name = excluded.file_name,
        content_type = excluded.content_type, size = excluded.size, etag = excluded.etag,
        rule = excluded.rule, metadata = excluded.metadata, checksum_sha256 = excluded.checksum_sha256,
        checksum_crc64nvme = excluded.checksum_crc64nvme, upload_timestamp = excluded.upload_timestamp,
        deleted_at = CASE WHEN excluded.size > f.size OR excluded.content_type <> f.content_type
                          THEN excluded.deleted_at END,
        refused = CASE WHEN excluded.size > f.size OR excluded.content_type <> f.content_type
                       THEN excluded.refused END,
        detected_type = coalesce(excluded.detected_type, CASE WHEN f.etag = excluded.etag THEN f.detected_type END),
        scan_status = CASE WHEN f.etag = excluded.etag THEN f.scan_status END
    WHERE f.deleted_at IS NULL AND f.object_key = excluded.object_key
      AND (SELECT is_behind FROM verdict WHERE verdict.id = f.id)
    RETURNING *
), growth AS (
    SELECT new.at, (put.deleted_at IS NULL)::int - (old.id IS NOT NULL AND old.deleted_at IS NULL)::int AS files,
           CASE WHEN put.deleted_at IS NULL THEN put.size ELSE 0 END
             - CASE WHEN old.deleted_at IS NULL THEN coalesce(old.size, 0) ELSE 0 END AS bytes
    FROM put JOIN new ON new.id = put.id LEFT JOIN old ON old.id = put.id
), peak AS (
    SELECT max(total) AS bytes FROM (SELECT bytes, sum(bytes) OVER (ORDER BY at) AS total FROM growth) AS totals
    WHERE bytes > 0
), moved AS (
    INSERT INTO user_usage AS u (user_id, files, bytes, quota_bytes)
    SELECT $1, sum(files), sum(bytes)::bigint, $3::bigint FROM growth HAVING count(*) > 0
    ON CONFLICT (user_id) DO UPDATE SET
        files = u.files + excluded.files, bytes = u.bytes + excluded.bytes,
        quota_bytes = CASE WHEN u.bytes + (SELECT bytes FROM peak) > excluded.quota_bytes THEN -1
                           WHEN (SELECT bytes FROM peak) IS NOT NULL THEN excluded.quota_bytes
                           ELSE u.quota_bytes END
",
            $event,
            "\
)
SELECT CASE WHEN old.id IS NULL THEN 'created' ELSE 'updated' END AS outcome,
       put.deleted_at IS NOT NULL AS deleted, put.*
FROM put LEFT JOIN old ON old.id = put.id
UNION ALL
SELECT CASE WHEN (SELECT is_behind FROM verdict WHERE verdict.id = old.id) THEN 'gone' ELSE 'kept' END,
       old.deleted_at IS NOT NULL, old.*
FROM old WHERE NOT EXISTS (SELECT FROM put WHERE put.id = old.id)"
        )
    };
}

const RECORD: &str = record!("");

const RECORD_WITH_EVENT: &str = record!(insert_event!(
    "e.id",
    "CASE WHEN f.deleted_at IS NULL THEN 'file.recorded' ELSE 'file.refused' END",
    "f.refused",
    " FROM put AS f JOIN unnest($4, $25::uuid[]) AS e (file_id, id) ON e.file_id = f.id
    WHERE NOT EXISTS (SELECT FROM compared WHERE compared.id = f.id AND is_same)"
));

const STATES: &str = "\
SELECT *, deleted_at IS NOT NULL AS deleted FROM s3_files WHERE user_id = $1 AND id = ANY ($2)";

/// One statement, so that the usage includes exactly the rows that it returns.
const USAGE_AND_STATES: &str = "\
SELECT used.bytes AS used_bytes, f.*, f.deleted_at IS NOT NULL AS deleted
FROM (SELECT coalesce((SELECT bytes FROM user_usage WHERE user_id = $1), 0) AS bytes) AS used
LEFT JOIN (SELECT * FROM s3_files WHERE user_id = $1 AND id = ANY ($2)) AS f ON true";

const STEP: &str = "recording files";

/// The states of files that have a row.
pub type FileStates = HashMap<FileId, Result<FileState, Error>>;

impl Db {
    /// Updates the rows of `user` to what S3 reported of these objects, which have distinct ids.
    /// The outcomes are in the order of `files`.
    ///
    /// Returns `None` if one of the objects does not fit into `quota_bytes` after those before it.
    /// Nothing was changed then.
    pub async fn try_record_files(
        &self,
        user: &UserId,
        files: &[Looked<'_>],
        bucket: &str,
        quota_bytes: Option<u64>,
    ) -> Result<Option<Vec<Result<Recorded, Error>>>, Error> {
        let quota = quota_bytes.and_then(|bytes| i64::try_from(bytes).ok());
        let new = Columns::of(files);
        let seen = Seen::of(files);
        let locks: Vec<String> = new.ids.iter().map(Uuid::to_string).collect();
        let events = event_ids(new.ids.len());
        let params: [Param<'_>; 24] = [
            (&bucket, Type::TEXT),
            (&quota, Type::INT8),
            (&new.ids, Type::UUID_ARRAY),
            (&new.keys, Type::TEXT_ARRAY),
            (&new.urls, Type::TEXT_ARRAY),
            (&new.names, Type::TEXT_ARRAY),
            (&new.types, Type::TEXT_ARRAY),
            (&new.sizes, Type::INT8_ARRAY),
            (&new.etags, Type::TEXT_ARRAY),
            (&new.checksums, Type::BYTEA_ARRAY),
            (&new.crcs, Type::BYTEA_ARRAY),
            (&new.times, Type::TIMESTAMPTZ_ARRAY),
            (&new.detected, Type::TEXT_ARRAY),
            (&new.rules, Type::TEXT_ARRAY),
            (&new.metadata, Type::JSONB_ARRAY),
            (&new.refused, Type::TEXT_ARRAY),
            (&seen.etags, Type::TEXT_ARRAY),
            (&seen.times, Type::TIMESTAMPTZ_ARRAY),
            (&seen.names, Type::TEXT_ARRAY),
            (&seen.types, Type::TEXT_ARRAY),
            (&seen.sizes, Type::INT8_ARRAY),
            (&seen.rules, Type::TEXT_ARRAY),
            (&seen.metadata, Type::JSONB_ARRAY),
            (&events, Type::UUID_ARRAY),
        ];
        let statement = Statement {
            sql: if self.events {
                RECORD_WITH_EVENT
            } else {
                RECORD
            },
            params: &params[..params.len() - usize::from(!self.events)],
            lock: None,
        };
        let lock: &[_] = &[(&locks as _, Type::TEXT_ARRAY)];
        let rows = match self.run_after((LOCK, lock), user, &statement).await {
            Ok(rows) => rows,
            Err(failure) if failure.constraint() == Some("user_usage_within_quota") => {
                return Ok(None);
            }
            Err(failure) => return Err(failure.into_error(STEP)),
        };
        let rows = by_id(&rows)?;
        let outcome_of = |file: &Looked<'_>| {
            let row = rows.get(&file.object.key.id()).copied();
            outcome(row, file.object)
        };
        Ok(Some(files.iter().map(outcome_of).collect()))
    }

    /// The states of those of these files of `user` that have a row. A row that cannot be read is
    /// the error of its file alone.
    pub async fn file_states(&self, user: &UserId, ids: &[FileId]) -> Result<FileStates, Error> {
        let rows = self.rows_of(STATES, user, ids).await?;
        rows.iter()
            .map(|row| Ok((file_id(row, STATES_STEP)?, state(row))))
            .collect()
    }

    /// The same, and the bytes that all files of `user` have at that moment.
    pub async fn usage_and_states(
        &self,
        user: &UserId,
        ids: &[FileId],
    ) -> Result<(u64, FileStates), Error> {
        let (mut stored, mut states) = (0, HashMap::new());
        for row in &self.rows_of(USAGE_AND_STATES, user, ids).await? {
            let bytes: i64 = value(row, "used_bytes", STATES_STEP)?;
            stored = u64::try_from(bytes).unwrap_or_default();
            if value::<Option<Uuid>>(row, "id", STATES_STEP)?.is_some() {
                states.insert(file_id(row, STATES_STEP)?, state(row));
            }
        }
        Ok((stored, states))
    }

    async fn rows_of(
        &self,
        sql: &'static str,
        user: &UserId,
        ids: &[FileId],
    ) -> Result<Vec<Row>, Error> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let statement = Statement {
            sql,
            params: &[(&ids, Type::UUID_ARRAY)],
            lock: None,
        };
        self.run(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STATES_STEP))
    }
}

const STATES_STEP: &str = "looking up files";

fn state(row: &Row) -> Result<FileState, Error> {
    Ok(if value(row, "deleted", STATES_STEP)? {
        FileState::Tombstone(tombstone(row, STATES_STEP)?)
    } else {
        FileState::Live(file_row(row, STATES_STEP)?)
    })
}

fn by_id(rows: &[Row]) -> Result<HashMap<FileId, &Row>, Error> {
    rows.iter()
        .map(|row| Ok((file_id(row, STEP)?, row)))
        .collect()
}

/// The objects as S3 reported them, one array for each column.
struct Columns<'a> {
    ids: Vec<Uuid>,
    keys: Vec<&'a str>,
    urls: Vec<&'a str>,
    names: Vec<&'a str>,
    types: Vec<&'a str>,
    sizes: Vec<i64>,
    etags: Vec<&'a str>,
    checksums: Vec<Option<Vec<u8>>>,
    crcs: Vec<Option<Vec<u8>>>,
    times: Vec<OffsetDateTime>,
    detected: Vec<Option<&'a str>>,
    rules: Vec<Option<&'a str>>,
    metadata: Vec<Json<&'a Metadata>>,
    refused: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(files: &[Looked<'a>]) -> Self {
        let objects = || files.iter().map(|file| file.object);
        Self {
            ids: objects().map(|object| object.key.id().uuid()).collect(),
            keys: objects().map(|object| object.key.as_str()).collect(),
            urls: files.iter().map(|file| file.file_url).collect(),
            names: objects().map(|object| object.file_name.as_str()).collect(),
            types: objects()
                .map(|object| object.content_type.as_str())
                .collect(),
            sizes: objects().map(|object| as_bigint(object.size)).collect(),
            etags: objects().map(|object| object.etag.as_str()).collect(),
            checksums: objects()
                .map(|object| object.checksum_sha256.map(|sum| sum.0.to_vec()))
                .collect(),
            crcs: objects()
                .map(|object| object.checksum_crc64nvme.map(|sum| sum.0.to_vec()))
                .collect(),
            times: objects().map(|object| object.last_modified).collect(),
            detected: objects()
                .map(|object| object.detected_type.as_deref())
                .collect(),
            rules: objects()
                .map(|object| object.rule.as_ref().map(RuleName::as_str))
                .collect(),
            metadata: objects().map(|object| Json(&object.metadata)).collect(),
            refused: files
                .iter()
                .map(|file| file.refused.and_then(Tombstone::stored))
                .collect(),
        }
    }
}

/// The rows that were read before the HEAD, one array for each column.
struct Seen<'a> {
    etags: Vec<Option<&'a str>>,
    times: Vec<Option<OffsetDateTime>>,
    names: Vec<Option<&'a str>>,
    types: Vec<Option<&'a str>>,
    sizes: Vec<Option<i64>>,
    rules: Vec<Option<&'a str>>,
    metadata: Vec<Option<Json<&'a Metadata>>>,
}

impl<'a> Seen<'a> {
    fn of(files: &[Looked<'a>]) -> Self {
        let rows = || files.iter().map(|file| file.seen);
        Self {
            etags: rows().map(|row| Some(row?.etag.as_str())).collect(),
            times: rows().map(|row| Some(row?.uploaded_at)).collect(),
            names: rows().map(|row| Some(row?.file_name.as_str())).collect(),
            types: rows().map(|row| Some(row?.content_type.as_str())).collect(),
            sizes: rows().map(|row| Some(as_bigint(row?.size))).collect(),
            rules: rows()
                .map(|row| Some(row?.rule.as_ref()?.as_str()))
                .collect(),
            metadata: rows().map(|row| Some(Json(&row?.metadata))).collect(),
        }
    }
}
