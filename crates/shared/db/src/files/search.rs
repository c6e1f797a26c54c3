//! Finds files by their name, newest first.

use slipway_core::limits::MAX_FILTERED_ROWS;
use slipway_core::{Error, FileId, UserId};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::{file_columns, file_id, file_row, value};
use super::{FilePage, Page};
use crate::Db;
use crate::transaction::Statement;

/// The number of rows that each statement examines, until the page is full. The first steps are
/// small, because common words are found soon. Together the steps examine as many rows as any
/// filtered page.
const STEPS: [u32; 3] = [200, 1800, MAX_FILTERED_ROWS - 2000];

/// Ids and names, newest first, by the same walk as the list. The last row that was examined is
/// always returned.
pub(super) const NAMES: &str = "\
SELECT id, CASE WHEN matches THEN file_name END AS name, last_looked_at
FROM (
    SELECT id, deleted_at, file_name,
           starts_with(lower(content_type COLLATE \"C\"), $3) AND ($5::text IS NULL OR rule = $5) AS matches,
           row_number() OVER (ORDER BY deleted_at DESC, id DESC) = $4 AS last_looked_at
    FROM s3_files
    WHERE user_id = $1 AND id < $2 AND deleted_at IS NULL
    ORDER BY deleted_at DESC, id DESC LIMIT $4
) AS looked_at
WHERE matches OR last_looked_at
ORDER BY deleted_at DESC, id DESC";

/// Fetches the live files of `$2` one by one. With an ordinary join, Postgres read all files of a
/// user without statistics.
pub(super) const FILES: &str = concat!(
    "SELECT ",
    file_columns!(),
    "
FROM unnest($2::uuid[]) AS found (file)
CROSS JOIN LATERAL (SELECT * FROM s3_files WHERE user_id = $1 AND id = file AND deleted_at IS NULL LIMIT 1) AS stored"
);

impl Db {
    /// Returns one page of `user`'s live files for whose name `matches` is true. A short page may
    /// still have a next one.
    ///
    /// For files that do not match, only ids and names are read. `matches` may therefore follow
    /// rules that Postgres does not have.
    pub async fn search_files(
        &self,
        user: &UserId,
        page: &Page,
        matches: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<FilePage, Error> {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let mut ids = Vec::new();
        let mut next = page.before;
        for rows in STEPS {
            next = self.scan(user, page, next, rows, matches, &mut ids).await?;
            if ids.len() > limit {
                // One more than requested shows that there is a next page.
                ids.truncate(limit);
                next = ids.last().copied();
            }
            if next.is_none() || ids.len() == limit {
                break;
            }
        }
        let files = self.files_of(user, &ids).await?;
        Ok(FilePage { files, next })
    }

    /// Adds the matching ids of `rows` files after `before`. Returns the last row that was
    /// examined, if there may be more.
    async fn scan(
        &self,
        user: &UserId,
        page: &Page,
        before: Option<FileId>,
        rows: u32,
        matches: &(dyn Fn(&str) -> bool + Sync),
        ids: &mut Vec<FileId>,
    ) -> Result<Option<FileId>, Error> {
        const STEP: &str = "searching files";
        let Some(type_prefix) = page.filter.stored_type_prefix() else {
            return Ok(None);
        };
        let before = before.map_or(Uuid::max(), FileId::uuid);
        let statement = Statement {
            sql: NAMES,
            params: &[
                (&before, Type::UUID),
                (&type_prefix, Type::TEXT),
                (&i64::from(rows), Type::INT8),
                (&page.filter.stored_rule(), Type::TEXT),
            ],
            lock: None,
        };
        let found = self
            .run_unsorted(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let mut last = None;
        for row in &found {
            let id = file_id(row, STEP)?;
            if value::<Option<&str>>(row, "name", STEP)?.is_some_and(matches) {
                ids.push(id);
            }
            if value(row, "last_looked_at", STEP)? {
                last = Some(id);
            }
        }
        Ok(last)
    }

    /// The live files of `ids`, newest first.
    async fn files_of(
        &self,
        user: &UserId,
        ids: &[FileId],
    ) -> Result<Vec<slipway_core::FileRow>, Error> {
        const STEP: &str = "reading the files found";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let statement = Statement {
            sql: FILES,
            params: &[(&ids, Type::UUID_ARRAY)],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let mut files = rows
            .iter()
            .map(|row| file_row(row, STEP))
            .collect::<Result<Vec<_>, _>>()?;
        files.sort_unstable_by_key(|file| std::cmp::Reverse(file.id));
        Ok(files)
    }
}
