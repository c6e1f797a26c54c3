//! Lists the contents of a folder by a skip scan.
//!
//! Folders are not stored: a folder is what names before a `/` have in common. Grouping names would
//! read every file below, and a folder may hold millions. So the statement takes one step for each
//! entry: it reads the first name behind the last entry. If that name has a `/` behind the prefix,
//! the entry is a folder, and the next step begins behind the last name that such a folder could
//! hold. Each step descends the index once (some four blocks of 8 KB). The cost follows the entries
//! shown, not the files below them.
//!
//! Row-level security decides how this has to be written. Postgres evaluates functions that might
//! leak a value, such as `left` and `substr`, only on rows that a policy has let through, so a
//! condition that calls them never becomes an index condition. Therefore each step computes the
//! position of the next one as columns of its own, and compares plain columns.

use slipway_core::name_order::end_of_prefix;
use slipway_core::{Error, NamePosition, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::row::{file_columns, file_row, value};
use super::{Entry, FolderEntries, FolderPage};
use crate::Db;
use crate::transaction::Statement;

/// Takes `$6` steps from `$2` and `$3` on, at most to `$4`. `$5` is the prefix.
///
/// The files are fetched one by one, by LATERAL with LIMIT. With an ordinary join, Postgres read
/// all files of a user without statistics.
pub(super) const WALK: &str = concat!(
    "WITH RECURSIVE walk (number, folder, file, at_name, at_id) AS (
    SELECT 0::bigint, NULL::text COLLATE \"C\", NULL::uuid, $2::text COLLATE \"C\", $3::uuid
  UNION ALL
    SELECT number + 1, next.folder,
           CASE WHEN next.folder IS NULL THEN next.id END,
           CASE WHEN next.folder IS NULL THEN next.name ELSE left(next.folder, -1) || '0' END,
           CASE WHEN next.folder IS NULL THEN next.id ELSE '00000000-0000-0000-0000-000000000000' END
    FROM walk CROSS JOIN LATERAL (
        SELECT name, id,
               left(name, char_length($5) + nullif(strpos(substr(name, char_length($5) + 1), '/'), 0)) AS folder
        FROM (
            SELECT file_name COLLATE \"C\" AS name, id FROM s3_files
            WHERE user_id = $1 AND deleted_at IS NULL AND (file_name COLLATE \"C\", id) > (at_name, at_id)
              AND ($4::text IS NULL OR file_name COLLATE \"C\" < $4)
            ORDER BY file_name COLLATE \"C\", id LIMIT 1
        ) AS first
    ) AS next
    WHERE number < $6
)
SELECT number, folder, ",
    file_columns!(),
    "
FROM walk LEFT JOIN LATERAL (SELECT * FROM s3_files WHERE user_id = $1 AND id = file LIMIT 1) AS stored ON true
WHERE number > 0"
);

impl Db {
    /// Returns one page of the direct entries below a prefix.
    pub async fn list_folder(
        &self,
        user: &UserId,
        page: &FolderPage,
    ) -> Result<FolderEntries, Error> {
        const STEP: &str = "listing a folder";
        let after = page.after.clone();
        let after = after.unwrap_or_else(|| NamePosition::at_prefix(&page.prefix));
        let statement = Statement {
            sql: WALK,
            params: &[
                (&after.name(), Type::TEXT),
                (&after.id(), Type::UUID),
                (&end_of_prefix(&page.prefix), Type::TEXT),
                (&page.prefix, Type::TEXT),
                (&(i64::from(page.limit) + 1), Type::INT8),
            ],
            lock: None,
        };
        let rows = self
            .run_unsorted(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        let mut entries = rows
            .iter()
            .map(|row| Ok((value::<i64>(row, "number", STEP)?, entry(row, STEP)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        // Sorted here, since the statement must not sort.
        entries.sort_unstable_by_key(|(number, _)| *number);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(FolderEntries {
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
            more,
        })
    }
}

fn entry(row: &Row, step: &'static str) -> Result<Entry, Error> {
    Ok(match value(row, "folder", step)? {
        Some(folder) => Entry::Folder(folder),
        None => Entry::File(file_row(row, step)?),
    })
}
