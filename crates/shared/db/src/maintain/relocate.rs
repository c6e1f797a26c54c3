//! Updates rows whose object has moved: the bucket failed over, or files have another public URL.

use std::collections::HashSet;

use slipway_core::{Error, FileId, ObjectKey};
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Db;
use crate::files::file_id;

/// A live row whose object S3 has just listed in this bucket, as the row describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocated {
    /// The object's key.
    pub key: ObjectKey,
    /// The object's plain URL.
    pub file_url: String,
    /// The object's entity tag.
    pub etag: String,
    /// The object's length in bytes.
    pub size: u64,
    /// S3's `Last-Modified`.
    pub uploaded_at: OffsetDateTime,
}

/// This changes neither the row's description of the object nor any usage, so the file's lock is
/// not needed. The rows are locked in the order of their ids, as a delete locks them, so that the
/// two cannot deadlock.
const RELOCATE: &str = "\
WITH listed AS (
    SELECT * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
        AS l (id, file_url, etag, size, upload_timestamp)
), mine AS (
    SELECT f.id FROM s3_files AS f
    WHERE f.id = ANY($2) AND f.deleted_at IS NULL ORDER BY f.id FOR UPDATE
)
UPDATE s3_files AS f SET bucket = $1, file_url = listed.file_url
FROM mine JOIN listed ON listed.id = mine.id
WHERE f.id = mine.id AND f.deleted_at IS NULL
  AND (f.etag, f.size, f.upload_timestamp) = (listed.etag, listed.size, listed.upload_timestamp)
RETURNING f.id";

impl Db {
    /// Sets `bucket` and the URL of these rows, unless they have changed since. Returns the rows
    /// that have them now.
    pub async fn relocate_files(
        &self,
        files: &[Relocated],
        bucket: &str,
    ) -> Result<HashSet<FileId>, Error> {
        const STEP: &str = "correcting where files are";
        let ids: Vec<Uuid> = files.iter().map(|file| file.key.id().uuid()).collect();
        let urls: Vec<&str> = files.iter().map(|file| file.file_url.as_str()).collect();
        let etags: Vec<&str> = files.iter().map(|file| file.etag.as_str()).collect();
        let size = |file: &Relocated| i64::try_from(file.size).unwrap_or(i64::MAX);
        let sizes: Vec<i64> = files.iter().map(size).collect();
        let times: Vec<OffsetDateTime> = files.iter().map(|file| file.uploaded_at).collect();
        let rows = self
            .run_maintain(&[(
                RELOCATE,
                &[
                    (&bucket, Type::TEXT),
                    (&ids, Type::UUID_ARRAY),
                    (&urls, Type::TEXT_ARRAY),
                    (&etags, Type::TEXT_ARRAY),
                    (&sizes, Type::INT8_ARRAY),
                    (&times, Type::TIMESTAMPTZ_ARRAY),
                ],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter().map(|row| file_id(row, STEP)).collect()
    }
}
