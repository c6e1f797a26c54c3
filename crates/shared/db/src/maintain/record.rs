//! The record step for many files without a row, in one statement.

use std::collections::HashSet;

use slipway_core::{Error, FileId, Metadata, StoredObject};
use time::OffsetDateTime;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::Db;
use crate::event::{event_ids, insert_event};
use crate::files::file_id;
use crate::transaction::Param;

/// An object that had no row when the caller looked.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The object as S3 reported it.
    pub object: StoredObject,
    /// The unsigned URL.
    pub file_url: String,
}

/// The same locks as the record step of one file takes, in the order of the ids.
const LOCK: &str = "\
SELECT count(pg_advisory_xact_lock(hashtextextended('slipway file ' || id, 0)))
FROM (SELECT id FROM unnest($1::text[]) AS id ORDER BY id) AS ids";

/// Usage grows by what RETURNING reports, as in the record step. The users are written in the order
/// of their ids, so that two of these statements never wait for each other.
macro_rules! record {
    ($event:expr) => {
        concat!(
            "\
WITH new AS (
    SELECT $1::text AS bucket, file.*
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                $9::text[], $10::bytea[], $11::timestamptz[], $12::text[], $13::text[], $14::jsonb[], $15::bytea[])
        AS file (id, user_id, object_key, file_url, file_name, content_type, size, etag,
                 checksum_sha256, upload_timestamp, detected_type, rule, metadata, checksum_crc64nvme)
), quota AS (
    SELECT $16::bigint AS quota_bytes
), put AS (
    INSERT INTO s3_files
        (bucket, id, user_id, object_key, file_url, file_name, content_type, size, etag,
         checksum_sha256, upload_timestamp, detected_type, rule, metadata, checksum_crc64nvme)
    SELECT bucket, id, user_id, object_key, file_url, file_name, content_type, size, etag,
           checksum_sha256, upload_timestamp, detected_type, rule, metadata, checksum_crc64nvme
    FROM new
    ON CONFLICT DO NOTHING
    RETURNING *
), moved AS (
    INSERT INTO user_usage AS u (user_id, files, bytes, quota_bytes)
    SELECT user_id, count(*), sum(size)::bigint, (SELECT quota_bytes FROM quota)
    FROM put GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET
        files = u.files + excluded.files, bytes = u.bytes + excluded.bytes,
        quota_bytes = CASE WHEN excluded.bytes > 0 THEN excluded.quota_bytes ELSE u.quota_bytes END
",
            $event,
            "\
)
SELECT id FROM put"
        )
    };
}

const RECORD: &str = record!("");

const RECORD_WITH_EVENT: &str = record!(insert_event!(
    "e.id",
    "'file.recorded'",
    "NULL",
    " FROM put AS f JOIN unnest($2, $17::uuid[]) AS e (file_id, id) ON e.file_id = f.id"
));

const STEP: &str = "recording files";

/// One array per column.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    users: Vec<String>,
    keys: Vec<String>,
    urls: Vec<String>,
    names: Vec<String>,
    types: Vec<String>,
    sizes: Vec<i64>,
    etags: Vec<String>,
    checksums: Vec<Option<Vec<u8>>>,
    times: Vec<OffsetDateTime>,
    detected: Vec<Option<String>>,
    rules: Vec<Option<String>>,
    metadata: Vec<Json<Metadata>>,
    crcs: Vec<Option<Vec<u8>>>,
}

impl Db {
    /// Inserts a row for each of `files` that has none, and returns the ids of these.
    ///
    /// The others are not changed. If one file does not fit into the quota of its owner, none is
    /// changed. These files need the record step of one file, [`Db::record_file`].
    pub async fn record_new_files(
        &self,
        files: Vec<NewFile>,
        bucket: &str,
        quota_bytes: Option<u64>,
    ) -> Result<HashSet<FileId>, Error> {
        let quota = quota_bytes.and_then(|bytes| i64::try_from(bytes).ok());
        let mut columns = Columns::default();
        for file in files {
            columns.push(file);
        }
        let locks: Vec<String> = columns.ids.iter().map(Uuid::to_string).collect();
        let events = event_ids(columns.ids.len());
        let params: [Param<'_>; 17] = [
            (&bucket, Type::TEXT),
            (&columns.ids, Type::UUID_ARRAY),
            (&columns.users, Type::TEXT_ARRAY),
            (&columns.keys, Type::TEXT_ARRAY),
            (&columns.urls, Type::TEXT_ARRAY),
            (&columns.names, Type::TEXT_ARRAY),
            (&columns.types, Type::TEXT_ARRAY),
            (&columns.sizes, Type::INT8_ARRAY),
            (&columns.etags, Type::TEXT_ARRAY),
            (&columns.checksums, Type::BYTEA_ARRAY),
            (&columns.times, Type::TIMESTAMPTZ_ARRAY),
            (&columns.detected, Type::TEXT_ARRAY),
            (&columns.rules, Type::TEXT_ARRAY),
            (&columns.metadata, Type::JSONB_ARRAY),
            (&columns.crcs, Type::BYTEA_ARRAY),
            (&quota, Type::INT8),
            (&events, Type::UUID_ARRAY),
        ];
        let sql = if self.events {
            RECORD_WITH_EVENT
        } else {
            RECORD
        };
        let params = &params[..params.len() - usize::from(!self.events)];
        let rows = self
            .run_maintain(&[(LOCK, &[(&locks, Type::TEXT_ARRAY)]), (sql, params)])
            .await;
        match rows {
            Ok(rows) => rows.iter().map(|row| file_id(row, STEP)).collect(),
            Err(failure) if failure.constraint() == Some("user_usage_within_quota") => {
                Ok(HashSet::new())
            }
            Err(failure) => Err(failure.into_error(STEP)),
        }
    }
}

impl Columns {
    fn push(&mut self, NewFile { object, file_url }: NewFile) {
        self.ids.push(object.key.id().uuid());
        self.users.push(object.key.owner().as_str().to_owned());
        self.keys.push(object.key.as_str().to_owned());
        self.urls.push(file_url);
        self.names.push(object.file_name);
        self.types.push(object.content_type);
        // No object is larger than 2^63.
        self.sizes
            .push(i64::try_from(object.size).unwrap_or(i64::MAX));
        self.etags.push(object.etag);
        self.checksums
            .push(object.checksum_sha256.map(|sha256| sha256.0.to_vec()));
        self.times.push(object.last_modified);
        self.detected.push(object.detected_type);
        self.rules
            .push(object.rule.map(|rule| rule.as_str().to_owned()));
        self.metadata.push(Json(object.metadata));
        self.crcs
            .push(object.checksum_crc64nvme.map(|crc| crc.0.to_vec()));
    }
}
