//! A page of a user's files, newest first.

use slipway_core::limits::MAX_FILTERED_ROWS;
use slipway_core::{Error, UserId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::{file_id, file_row, value};
use super::{FilePage, Page};
use crate::Db;
use crate::transaction::Statement;

/// Walks the index of live files (`user_id`, `id`) backwards and stops when the page is full, or after `$4` rows: the row
/// it stops at then comes along, whether it matches or not, to say where the next page begins.
const LIST: &str = "\
SELECT * FROM (
    SELECT *, starts_with(lower(content_type COLLATE \"C\"), $3) AS matches,
           row_number() OVER (ORDER BY id DESC) = $4 AS last_looked_at
    FROM s3_files
    WHERE user_id = $1 AND id < $2 AND deleted_at IS NULL
    ORDER BY id DESC LIMIT $4
) AS looked_at
WHERE matches OR last_looked_at
ORDER BY id DESC LIMIT $5";

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
            // Postgres cannot hold a NUL, so no type begins like this.
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
                // One more than fits: the next page begins behind the last that does.
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
    use tokio_postgres::Client;

    use super::LIST;

    /// 20,000 files of fifty users, of whom `user7` has deleted the newest `deleted`.
    const FILES: &str = "\
INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp, deleted_at)
SELECT id, u || '/' || id || '/a', 'b', 'u', u, 'a', 'text/plain', 0, 'e', now(),
       CASE WHEN u = 'user7' AND n > 20000 - 50 * $1::int THEN now() END
FROM (SELECT n, 'user' || n % 50 AS u, ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS id
      FROM generate_series(1, 20000) AS n) AS ids";

    /// How Postgres finds the first 51 files of `user7`, with row-level security on.
    async fn plan(admin: &Client, deleted: i32) -> String {
        admin.execute(FILES, &[&deleted]).await.expect("many rows");
        admin
            .batch_execute(
                "ANALYZE s3_files;
                 BEGIN;
                 SELECT set_config('role', 'slipway_app', true), set_config('app.user_id', 'user7', true);",
            )
            .await
            .expect("a transaction");
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

    /// The plan of a list: the index backwards, and no sort.
    #[tokio::test]
    async fn the_index_serves_a_page_by_a_backward_scan() {
        let database = database();
        let plan = plan(&database.admin().await, 0).await;
        assert!(
            plan.contains("Index Scan Backward using s3_files_live"),
            "{plan}"
        );
        assert!(!plan.contains("Sort"), "{plan}");
        // It stopped when the page was full: one row more than the page.
        assert!(
            plan.contains("rows=51") && !plan.contains("rows=400"),
            "{plan}"
        );
    }

    #[tokio::test]
    async fn what_was_deleted_is_not_walked_over() {
        let database = database();
        let plan = plan(&database.admin().await, 300).await;
        assert!(plan.contains("rows=51"), "{plan}");
        assert!(!plan.contains("Rows Removed"), "{plan}");
    }
}
