//! The table `user_usage`: the number of files and bytes of each user. It always equals the sum over the live rows.

use slipway_core::{Error, UserId};

use crate::Db;
use crate::failure::Failure;
use crate::transaction::Statement;

/// What a user has stored. Deleted files do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of files.
    pub files: u64,
    /// Their total size in bytes.
    pub bytes: u64,
}

const USAGE: &str = "SELECT files, bytes FROM user_usage WHERE user_id = $1";

impl Db {
    /// What `user` has stored: zero for a user without files.
    pub async fn usage(&self, user: &UserId) -> Result<Usage, Error> {
        const STEP: &str = "reading the usage";
        let statement = Statement {
            sql: USAGE,
            params: &[],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|e| e.into_error(STEP))?;
        let Some(row) = rows.first() else {
            return Ok(Usage::default());
        };
        let count = |column| -> Result<u64, Error> {
            let value: i64 = row
                .try_get(column)
                .map_err(|e| Failure::from(e).into_error(STEP))?;
            u64::try_from(value).map_err(|e| Error::internal(STEP, e))
        };
        Ok(Usage {
            files: count("files")?,
            bytes: count("bytes")?,
        })
    }
}
