//! A page of a user's files, newest first.

use slipway_core::limits::MAX_FILTERED_ROWS;
use slipway_core::{Error, UserId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::{file_id, file_row, value};
use super::{FilePage, Page};
use crate::Db;
use crate::transaction::Statement;

/// Walks the index (`user_id`, `id`) backwards and stops when the page is full, or after `$4` rows: the row
/// it stops at then comes along, whether it matches or not, to say where the next page begins.
pub(super) const LIST: &str = "\
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
