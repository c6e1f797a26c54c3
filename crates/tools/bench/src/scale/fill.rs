//! Rows as uploads leave them, made by Postgres itself.

use std::io;

use super::server::Server;
use super::who::{AVERAGE, COHORT, HOT, IDLE};
use crate::say;

/// What one statement inserts.
const STEP: u64 = 250_000;

/// `$1 < n <= $2`, and above `$3` the idle user has nothing: times ascend as ids do, one in fifty is a tombstone, one in a
/// thousand a video.
const INSERT: &str = "\
INSERT INTO s3_files
    (id, object_key, bucket, file_url, user_id, file_name, content_type, detected_type, size, etag, upload_timestamp, deleted_at)
SELECT id::uuid, key, 'uploads', 'https://uploads.s3.eu-central-1.amazonaws.com/' || key, user_id, name, type, type,
       100000 + n % 5000000, hash, at, CASE WHEN n % 50 = 1 THEN at + interval '1 day' END
FROM (
    SELECT *, user_id || '/' || id || '/Holiday-2026-08-14-' || n % 100 || '.jpg' AS key
    FROM (
        SELECT n, md5(n::text) AS hash, to_timestamp(1700000000 + n * 0.06) AS at,
               'Holiday 2026-08-14 (' || n % 100 || ').jpg' AS name,
               CASE n % 3 WHEN 0 THEN 'HOT' WHEN 1 THEN CASE WHEN n <= $3 THEN 'IDLE' ELSE 'HOT' END
                   ELSE 'user' || (n - 1) / COHORT || '-' || n % AVERAGE END AS user_id,
               CASE WHEN n % 1000 = 7 THEN 'video/mp4' WHEN n % 10 < 7 THEN 'image/jpeg' ELSE 'application/pdf' END AS type,
               regexp_replace(
                   lpad(to_hex(1700000000000 + n * 60), 12, '0') || '7' || substr(md5(n::text), 1, 3)
                       || '8' || substr(md5(n::text), 4, 15),
                   '(.{8})(.{4})(.{4})(.{4})(.{12})', '\\1-\\2-\\3-\\4-\\5') AS id
        FROM generate_series($1::bigint + 1, $2::bigint) AS n
    ) AS files
) AS files";

/// What the rows add up to.
const USAGE: &str = "\
INSERT INTO user_usage (user_id, files, bytes)
SELECT user_id, count(*), sum(size)::bigint FROM s3_files WHERE deleted_at IS NULL GROUP BY user_id
ON CONFLICT (user_id) DO UPDATE SET files = excluded.files, bytes = excluded.bytes";

/// Adds rows until there are `rows`, and lets Postgres know them.
pub(super) async fn up_to(server: &Server, rows: u64) -> io::Result<()> {
    let insert = INSERT
        .replace("HOT", HOT)
        .replace("IDLE", IDLE)
        .replace("COHORT", &COHORT.to_string())
        .replace("AVERAGE", &AVERAGE.to_string());
    let mut there = server
        .value::<i64>("SELECT count(*) FROM s3_files WHERE bucket = 'uploads'")
        .await?
        .cast_unsigned();
    server.check_room(rows.saturating_sub(there))?;
    let idle = (rows - rows / 20).cast_signed();
    while there < rows {
        let next = rows.min(there + STEP);
        let (from, to) = (there.cast_signed(), next.cast_signed());
        server
            .admin
            .execute(&insert, &[&from, &to, &idle])
            .await
            .map_err(io::Error::other)?;
        there = next;
        if there.is_multiple_of(1_000_000) {
            say(&format!("{there} rows"));
        }
    }
    server.run(USAGE).await?;
    // As autovacuum would have by then.
    server.run("VACUUM (ANALYZE) s3_files").await?;
    server.run("VACUUM (ANALYZE) user_usage").await?;
    server.run("CHECKPOINT").await
}
