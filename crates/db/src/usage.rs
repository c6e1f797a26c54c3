//! `user_usage`: how many files a user has, and how many bytes. It always equals the sum of the live rows.

use slipway_core::{Error, UserId};

use crate::Db;
use crate::failure::Failure;
use crate::transaction::Statement;

/// What a user has stored; deleted files do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many files.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

const USAGE: &str = "SELECT files, bytes FROM user_usage WHERE user_id = $1";

impl Db {
    /// What `user` has stored: nothing, if nobody knows the user yet.
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
