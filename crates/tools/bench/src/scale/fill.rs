//! Rows as uploads leave them, made by Postgres itself.

use std::io;

use super::server::Server;
use super::who::{AVERAGE, COHORT, HOT, IDLE, TREE};
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
               'Holiday 2026-08-14 (' || n || ').jpg' AS name,
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

/// Files `$1 < n <= $2` of the user with folders: a hundred in each, next to each other in time.
const INSERT_TREE: &str = "\
INSERT INTO s3_files
    (id, object_key, bucket, file_url, user_id, file_name, content_type, detected_type, size, etag, upload_timestamp)
SELECT id::uuid, key, 'uploads', 'https://uploads.s3.eu-central-1.amazonaws.com/' || key, 'TREE', name, 'image/jpeg', 'image/jpeg',
       100000 + n % 5000000, md5(n::text), to_timestamp(1600000000 + n * 0.06)
FROM (
    SELECT n, id, 'TREE/' || id || '/Holiday-' || n % 100 || '.jpg' AS key,
           'projects/' || lpad(((n - 1) / 100)::text, 6, '0') || '/Holiday ' || n % 100 || '.jpg' AS name
    FROM (
        SELECT n, regexp_replace(
                   lpad(to_hex(1600000000000 + n * 60), 12, '0') || '7' || substr(md5(n::text), 1, 3)
                       || '8' || substr(md5(n::text), 4, 15),
                   '(.{8})(.{4})(.{4})(.{4})(.{12})', '\\1-\\2-\\3-\\4-\\5') AS id
        FROM generate_series($1::bigint + 1, $2::bigint) AS n
    ) AS ids
) AS files";

/// What the rows add up to.
const USAGE: &str = "\
INSERT INTO user_usage (user_id, files, bytes)
SELECT user_id, count(*), sum(size)::bigint FROM s3_files WHERE deleted_at IS NULL GROUP BY user_id
ON CONFLICT (user_id) DO UPDATE SET files = excluded.files, bytes = excluded.bytes";

/// Adds rows until there are `rows`, and a tenth as many for the user with folders, and lets Postgres know them.
pub(super) async fn up_to(server: &Server, rows: u64) -> io::Result<()> {
    let insert = INSERT
        .replace("HOT", HOT)
        .replace("IDLE", IDLE)
        .replace("COHORT", &COHORT.to_string())
        .replace("AVERAGE", &AVERAGE.to_string());
    let idle = (rows - rows / 20).cast_signed();
    let others = count(server, "<>").await?;
    let in_folders = count(server, "=").await?;
    server.check_room(rows.saturating_sub(others) + (rows / 10).saturating_sub(in_folders))?;
    for (from, to) in steps(others, rows) {
        server
            .admin
            .execute(&insert, &[&from, &to, &idle])
            .await
            .map_err(io::Error::other)?;
        if to % 1_000_000 == 0 {
            say(&format!("{to} rows"));
        }
    }
    let insert = INSERT_TREE.replace("TREE", TREE);
    for (from, to) in steps(in_folders, rows / 10) {
        server
            .admin
            .execute(&insert, &[&from, &to])
            .await
            .map_err(io::Error::other)?;
    }
    server.run(USAGE).await?;
    // As autovacuum would have by then.
    server.run("VACUUM (ANALYZE) s3_files").await?;
    server.run("VACUUM (ANALYZE) user_usage").await?;
    server.run("CHECKPOINT").await
}

/// How many rows there are of the user with folders (`=`), or of the others (`<>`).
async fn count(server: &Server, operator: &str) -> io::Result<u64> {
    let sql = format!(
        "SELECT count(*) FROM s3_files WHERE bucket = 'uploads' AND user_id {operator} '{TREE}'"
    );
    Ok(server.value::<i64>(&sql).await?.cast_unsigned())
}

/// From `there` to `rows`, in steps that one statement inserts.
fn steps(there: u64, rows: u64) -> impl Iterator<Item = (i64, i64)> {
    let starts = (there..rows).step_by(usize::try_from(STEP).unwrap_or(usize::MAX));
    starts.map(move |from| (from.cast_signed(), rows.min(from + STEP).cast_signed()))
}
