//! What a malware scanner has said of a file.

use slipway_core::{Error, ObjectKey, ScanStatus};
use tokio_postgres::types::Type;

use super::row::value;
use crate::Db;
use crate::transaction::Statement;

/// What became of a scanner's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// The row says so now.
    Set,
    /// The row said the same, or what weighs more.
    Kept,
    /// It is not about the bytes that the row describes, or there is no live row.
    Stale,
}

/// Of two words on the same bytes the later one in this order stays, whichever came first: a threat is final, and
/// a scan that did not come about says nothing against one that did.
///
/// The `ETag` is compared in the row that is changed, so that a word never moves on to the bytes of an overwrite.
const SET: &str = "\
WITH weights AS (
    SELECT ARRAY['failed', 'unsupported', 'no_threats', 'threats'] AS ascending
), file AS (
    SELECT etag FROM s3_files WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL
), scanned AS (
    UPDATE s3_files AS f SET scan_status = $5 FROM weights
    WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL AND etag = $4
      AND coalesce(array_position(ascending, scan_status), 0) < array_position(ascending, $5)
    RETURNING f.id
)
SELECT EXISTS (SELECT FROM scanned) AS is_set FROM file WHERE etag = $4";

impl Db {
    /// Keeps what a scanner said of the object under `key` that had `etag`, if the row describes that object.
    pub async fn set_scan_status(
        &self,
        key: &ObjectKey,
        etag: &str,
        status: ScanStatus,
    ) -> Result<Scanned, Error> {
        const STEP: &str = "keeping what a scanner said";
        let statement = Statement {
            sql: SET,
            params: &[
                (&key.id().uuid(), Type::UUID),
                (&key.as_str(), Type::TEXT),
                (&etag, Type::TEXT),
                (&status.as_str(), Type::TEXT),
            ],
            // Whoever records an overwrite of the file meanwhile counts on the row it saw.
            lock: Some(key.id()),
        };
        let rows = self
            .run(key.owner(), &statement)
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(match rows.first() {
            None => Scanned::Stale,
            Some(row) if value(row, "is_set", STEP)? => Scanned::Set,
            Some(_) => Scanned::Kept,
        })
    }
}
