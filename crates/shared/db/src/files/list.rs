//! Lists a page of a user's files, newest first.

use slipway_core::limits::MAX_FILTERED_ROWS;
use slipway_core::{Error, UserId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::{file_id, file_row, value};
use super::{FilePage, Page};
use crate::Db;
use crate::transaction::Statement;

/// Walks the index (`user_id`, `deleted_at`, `id`) backwards and stops when the page is full, or after `$4` rows. The row at which
/// it stops is returned as well, whether it matches or not, because the next page starts there.
///
/// `deleted_at` is always null here, but stays in ORDER BY on purpose: only our index offers this order, so the planner
/// cannot scan the primary key across other users' newer files.
///
/// Only the columns of a page are selected, which are half of the bytes of a row.
const LIST: &str = "\
SELECT id, object_key, file_name, content_type, detected_type, scan_status, size, etag, checksum_sha256,
       checksum_crc64nvme, rule, metadata, upload_timestamp, matches, last_looked_at
FROM (
    SELECT *, starts_with(lower(content_type COLLATE \"C\"), $3) AS matches,
           row_number() OVER (ORDER BY deleted_at DESC, id DESC) = $4 AS last_looked_at
    FROM s3_files
    WHERE user_id = $1 AND id < $2 AND deleted_at IS NULL
    ORDER BY deleted_at DESC, id DESC LIMIT $4
) AS looked_at
WHERE matches OR last_looked_at
ORDER BY deleted_at DESC, id DESC LIMIT $5";

impl Db {
    /// One page of `user`'s live files. A filtered page may be short and still have a next one.
    pub async fn list_files(&self, user: &UserId, page: &Page) -> Result<FilePage, Error> {
        self.list_looking_at(user, page, MAX_FILTERED_ROWS).await
    }

    pub(super) async fn list_looking_at(
        &self,
        user: &UserId,
        page: &Page,
        most: u32,
    ) -> Result<FilePage, Error> {
        const STEP: &str = "listing files";
        let prefix = page.content_type_prefix.as_deref().unwrap_or_default();
        if prefix.contains('\0') {
            // Postgres cannot store a NUL, so no type starts with one.
            return Ok(FilePage {
                files: Vec::new(),
                next: None,
            });
        }
        let before = page.before.map_or(Uuid::max(), slipway_core::FileId::uuid);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let statement = Statement {
            sql: LIST,
            params: &[
                (&before, Type::UUID),
                (&prefix.to_ascii_lowercase(), Type::TEXT),
                (&i64::from(most), Type::INT8),
                (&(i64::from(page.limit) + 1), Type::INT8),
            ],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let mut files = Vec::with_capacity(rows.len().min(limit));
        let mut next = None;
        for row in &rows {
            if files.len() == limit {
                // One row more than requested shows that there is a next page.
                next = files.last().map(|file: &slipway_core::FileRow| file.id);
                break;
            }
            if value(row, "matches", STEP)? {
                files.push(file_row(row, STEP)?);
            }
            if value(row, "last_looked_at", STEP)? {
                next = Some(file_id(row, STEP)?);
            }
        }
        Ok(FilePage { files, next })
    }
}

#[cfg(test)]
mod tests {
    use slipway_testkit::database;

    use super::LIST;

    /// Inserts 20,000 files. `user` and `deleted` are SQL expressions of `n`, which ascends like the ids.
    const FILES: &str = "\
INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp, deleted_at)
SELECT id, u || '/' || id || '/a', 'b', 'u', u, 'a', 'text/plain', 0, 'e', now(), CASE WHEN DELETED THEN now() END
FROM (SELECT n, OWNER AS u, ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS id
      FROM generate_series(1, 20000) AS n) AS ids";

    /// The plan for the first 51 files of `user7`, with row-level security on.
    async fn plan(owner: &str, deleted: &str) -> String {
        let database = database();
        let admin = database.admin().await;
        let files = FILES.replace("OWNER", owner).replace("DELETED", deleted);
        admin
            .batch_execute(&format!(
                "{files};
                 ANALYZE s3_files;
                 BEGIN;
                 SELECT set_config('role', 'slipway_app', true), set_config('app.user_id', 'user7', true);"
            ))
            .await
            .expect("many rows");
        let values = [
            "'user7'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'text/'",
            "10000",
            "51",
        ];
        let mut explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {LIST}");
        for (at, value) in values.iter().enumerate() {
            explain = explain.replace(&format!("${}", at + 1), value);
        }
        let plan = admin.query(&explain, &[]).await.expect("a plan");
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        plan.join("\n")
    }

    /// The plan scans the index backwards, sorts nothing, discards no row, and stops one row after the page.
    fn assert_short_walk(plan: &str) {
        assert!(
            plan.contains("Index Scan Backward using s3_files_user_id_deleted_at_id"),
            "{plan}"
        );
        assert!(!plan.contains("Sort"), "{plan}");
        assert!(!plan.contains("Rows Removed"), "{plan}");
        assert!(
            plan.contains("rows=51") && !plan.contains("rows=400"),
            "{plan}"
        );
    }

    #[tokio::test]
    async fn the_index_serves_a_page_by_a_backward_scan() {
        assert_short_walk(&plan("'user' || n % 50", "false").await);
    }

    #[tokio::test]
    async fn what_was_deleted_is_not_walked_over() {
        assert_short_walk(&plan("'user' || n % 50", "n % 50 = 7 AND n > 5000").await);
    }

    /// A backward scan of the primary key would read 10,000 files of other users first, which the planner does not know.
    #[tokio::test]
    async fn what_others_have_uploaded_since_is_not_walked_over() {
        let owner = "CASE WHEN n <= 10000 THEN 'user7' ELSE 'user' || n % 6 END";
        assert_short_walk(&plan(owner, "false").await);
    }
}
