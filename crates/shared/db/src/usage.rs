//! The table `user_usage`: the number of files and bytes of each user. It always equals the sum
//! over the live rows. Unfinished multipart uploads are summed up when they are requested.

use slipway_core::{Error, UserId};
use tokio_postgres::Row;

use crate::Db;
use crate::failure::Failure;
use crate::transaction::Statement;

/// The usage of a user. Deleted files do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of files.
    pub files: u64,
    /// Their total size in bytes.
    pub bytes: u64,
}

/// The usage of a user, and the bytes that unfinished uploads will add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The current usage.
    pub stored: Usage,
    /// The declared sizes of the open multipart uploads together.
    pub pending_bytes: u64,
}

const USAGE: &str = "SELECT files, bytes FROM user_usage WHERE user_id = $1";

/// An upload is open until it is aborted or its file is recorded. A recorded file then counts as a
/// file. Users without files have no usage row. The sum of uploads from before their number was
/// limited may exceed a bigint.
const HOLDINGS: &str = "\
SELECT coalesce((SELECT files FROM user_usage WHERE user_id = $1), 0) AS files,
       coalesce((SELECT bytes FROM user_usage WHERE user_id = $1), 0) AS bytes,
       least(coalesce(sum(size), 0), 9223372036854775807)::bigint AS pending_bytes
FROM multipart_uploads AS m
WHERE user_id = $1 AND aborted_at IS NULL
  AND NOT EXISTS (SELECT FROM s3_files AS f WHERE user_id = $1 AND f.id = m.id)";

const STEP: &str = "reading the usage";

impl Db {
    /// Returns the usage of `user`: zero for a user without files.
    pub async fn usage(&self, user: &UserId) -> Result<Usage, Error> {
        let statement = Statement {
            sql: USAGE,
            params: &[],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|e| e.into_error(STEP))?;
        rows.first().map_or_else(|| Ok(Usage::default()), usage)
    }

    /// Returns the same, and the bytes that `user`'s unfinished uploads will add.
    pub async fn holdings(&self, user: &UserId) -> Result<Holdings, Error> {
        let statement = Statement {
            sql: HOLDINGS,
            params: &[],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|e| e.into_error(STEP))?;
        let row = rows
            .first()
            .ok_or_else(|| Error::internal(STEP, "an aggregate without a row"))?;
        Ok(Holdings {
            stored: usage(row)?,
            pending_bytes: count(row, "pending_bytes")?,
        })
    }
}

fn usage(row: &Row) -> Result<Usage, Error> {
    Ok(Usage {
        files: count(row, "files")?,
        bytes: count(row, "bytes")?,
    })
}

fn count(row: &Row, column: &str) -> Result<u64, Error> {
    let value: i64 = row
        .try_get(column)
        .map_err(|e| Failure::from(e).into_error(STEP))?;
    u64::try_from(value).map_err(|e| Error::internal(STEP, e))
}
