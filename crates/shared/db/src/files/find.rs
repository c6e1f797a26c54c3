//! Finds a file by its id.

use slipway_core::{Error, FileId, FileRow, UserId};
use tokio_postgres::types::Type;

use super::FileState;
use super::row::{file_row, tombstone, value};
use crate::Db;
use crate::transaction::Statement;

const FIND: &str = "\
SELECT *, deleted_at IS NOT NULL AS deleted FROM s3_files WHERE user_id = $1 AND id = $2";

impl Db {
    /// The live file `id` of `user`.
    pub async fn find_file(&self, user: &UserId, id: FileId) -> Result<Option<FileRow>, Error> {
        Ok(match self.file_state(user, id).await? {
            FileState::Live(row) => Some(row),
            FileState::Unknown | FileState::Tombstone(_) => None,
        })
    }

    /// The state of file `id` of `user`. A file of another user is unknown.
    pub async fn file_state(&self, user: &UserId, id: FileId) -> Result<FileState, Error> {
        const STEP: &str = "looking up a file";
        let statement = Statement {
            sql: FIND,
            params: &[(&id.uuid(), Type::UUID)],
            lock: None,
        };
        let rows = self
            .run(user, &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(match rows.first() {
            None => FileState::Unknown,
            Some(row) if value(row, "deleted", STEP)? => {
                FileState::Tombstone(tombstone(row, STEP)?)
            }
            Some(row) => FileState::Live(file_row(row, STEP)?),
        })
    }
}
