//! Lists a page of a user's files by name.

use slipway_core::limits::MAX_FILTERED_ROWS;
use slipway_core::name_order::end_of_prefix;
use slipway_core::{Error, NamePosition, UserId};
use tokio_postgres::types::Type;

use super::list::matching;
use super::row::{file_columns, file_id, value};
use super::{NamePage, NamedFiles};
use crate::Db;
use crate::transaction::Statement;

/// Walks the index (`user_id`, `file_name`, `id`) of live files and stops when the page is full, or
/// after `$6` rows, as the list of the newest does.
///
/// The range of the prefix is `$2` to `$4`. `COLLATE "C"` compares bytes, whatever the database's
/// locale is, and selects the index, which has the same collation.
pub(super) const BY_NAME: &str = concat!(
    "SELECT ",
    file_columns!(),
    ", matches, last_looked_at
FROM (
    SELECT *, starts_with(lower(content_type COLLATE \"C\"), $5) AND ($8::text IS NULL OR rule = $8) AS matches,
           row_number() OVER (ORDER BY file_name COLLATE \"C\", id) = $6 AS last_looked_at
    FROM s3_files
    WHERE user_id = $1 AND deleted_at IS NULL AND (file_name COLLATE \"C\", id) > ($2, $3)
      AND ($4::text IS NULL OR file_name COLLATE \"C\" < $4)
    ORDER BY file_name COLLATE \"C\", id LIMIT $6
) AS looked_at
WHERE matches OR last_looked_at
ORDER BY file_name COLLATE \"C\", id LIMIT $7"
);

impl Db {
    /// One page of `user`'s live files by name. A filtered page may be short and still have a next
    /// one.
    pub async fn list_by_name(&self, user: &UserId, page: &NamePage) -> Result<NamedFiles, Error> {
        const STEP: &str = "listing files by name";
        let Some(type_prefix) = page.filter.stored_type_prefix() else {
            return Ok(NamedFiles::default());
        };
        let after = page.after.clone();
        let after = after.unwrap_or_else(|| NamePosition::at_prefix(&page.prefix));
        let statement = Statement {
            sql: BY_NAME,
            params: &[
                (&after.name(), Type::TEXT),
                (&after.id(), Type::UUID),
                (&end_of_prefix(&page.prefix), Type::TEXT),
                (&type_prefix, Type::TEXT),
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
        let next = end.map(|row| {
            let name: String = value(row, "file_name", STEP)?;
            Ok(NamePosition::new(name, file_id(row, STEP)?.uuid()))
        });
        let next = next.transpose()?;
        Ok(NamedFiles { files, next })
    }
}
