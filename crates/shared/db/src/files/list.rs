//! Lists a page of a user's files, newest first.

use slipway_core::limits::MAX_FILTERED_ROWS;
use slipway_core::{Error, FileRow, RuleName, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::{FileColumns, file_columns, file_id, position_of, value};
use super::{FilePage, Filter, Page};
use crate::Db;
use crate::transaction::Statement;

/// Walks the index (`user_id`, `deleted_at`, `id`) backwards and stops when the page is full, or
/// after `$4` rows. The row at which it stops is returned as well, whether it matches or not,
/// because the next page starts there.
///
/// `deleted_at` is always null here, but stays in ORDER BY on purpose: only our index offers this
/// order, so the planner cannot scan the primary key across other users' newer files.
pub(super) const LIST: &str = concat!(
    "SELECT ",
    file_columns!(),
    ", matches, last_looked_at
FROM (
    SELECT *, starts_with(lower(content_type COLLATE \"C\"), $3) AND ($6::text IS NULL OR rule = $6) AS matches,
           row_number() OVER (ORDER BY deleted_at DESC, id DESC) = $4 AS last_looked_at
    FROM s3_files
    WHERE user_id = $1 AND id < $2 AND deleted_at IS NULL
    ORDER BY deleted_at DESC, id DESC LIMIT $4
) AS looked_at
WHERE matches OR last_looked_at
ORDER BY deleted_at DESC, id DESC LIMIT $5"
);

impl Db {
    /// One page of `user`'s live files. A filtered page may be short and still have a next one.
    pub async fn list_files(&self, user: &UserId, page: &Page) -> Result<FilePage, Error> {
        const STEP: &str = "listing files";
        let Some(prefix) = page.filter.stored_type_prefix() else {
            return Ok(FilePage::default());
        };
        let before = page.before.map_or(Uuid::max(), slipway_core::FileId::uuid);
        let statement = Statement {
            sql: LIST,
            params: &[
                (&before, Type::UUID),
                (&prefix, Type::TEXT),
                (&i64::from(MAX_FILTERED_ROWS), Type::INT8),
                (&(i64::from(page.limit) + 1), Type::INT8),
                (&page.filter.stored_rule(), Type::TEXT),
            ],
            lock: None,
        };
        let rows = self
            .run_unsorted(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let (files, end) = matching(&rows, page.limit, STEP)?;
        let next = end.map(|row| file_id(row, STEP)).transpose()?;
        Ok(FilePage { files, next })
    }
}

impl Filter {
    /// The prefix of the content type, in lower case. `None` if no type can have it: Postgres
    /// cannot store a NUL.
    pub(super) fn stored_type_prefix(&self) -> Option<String> {
        let prefix = self.content_type_prefix.as_deref().unwrap_or_default();
        (!prefix.contains('\0')).then(|| prefix.to_ascii_lowercase())
    }

    pub(super) fn stored_rule(&self) -> Option<&str> {
        self.rule.as_ref().map(RuleName::as_str)
    }
}

/// Returns the matching files of `rows`, at most `limit`, and the row at which the page ends if
/// there may be a next one.
///
/// Statements return one row more than `limit`, and mark the last row that they have examined.
pub(super) fn matching<'a>(
    rows: &'a [Row],
    limit: u32,
    step: &'static str,
) -> Result<(Vec<FileRow>, Option<&'a Row>), Error> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Some(first) = rows.first() else {
        return Ok((Vec::new(), None));
    };
    let columns = FileColumns::of(first, step)?;
    let matches = position_of(first, "matches", step)?;
    let last_looked_at = position_of(first, "last_looked_at", step)?;
    let mut files = Vec::with_capacity(rows.len().min(limit));
    let mut last = None;
    for row in rows {
        if files.len() == limit {
            return Ok((files, last));
        }
        if value(row, matches, step)? {
            files.push(columns.read(row, step)?);
            last = Some(row);
        }
        if value(row, last_looked_at, step)? {
            return Ok((files, Some(row)));
        }
    }
    Ok((files, None))
}
