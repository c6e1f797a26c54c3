//! Stores the scan result of a file.

use slipway_core::{Error, ObjectKey, ScanStatus};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::row::value;
use crate::Db;
use crate::event::insert_event;
use crate::transaction::{Param, Statement};

/// The outcome of storing a scan result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// The row has the result now.
    Set,
    /// The row had the same result, or one of a higher rank.
    Kept,
    /// The result is for other bytes than the row describes, or there is no live row.
    Stale,
}

/// For one ETag, the result with the higher rank below is kept, in whatever order the results
/// arrive. `threats` is final, and a failed scan never replaces a completed one.
///
/// The ETag is compared in the row that is updated, so that a result never applies to the bytes of
/// an overwrite.
macro_rules! set {
    ($event:expr) => {
        concat!(
            "\
WITH weights AS (
    SELECT ARRAY['failed', 'unsupported', 'no_threats', 'threats'] AS ascending
), file AS (
    SELECT etag FROM s3_files WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL
), scanned AS (
    UPDATE s3_files AS f SET scan_status = $5 FROM weights
    WHERE user_id = $1 AND id = $2 AND object_key = $3 AND deleted_at IS NULL AND etag = $4
      AND coalesce(array_position(ascending, scan_status), 0) < array_position(ascending, $5)
    RETURNING f.*
",
            $event,
            "\
)
SELECT EXISTS (SELECT FROM scanned) AS is_set FROM file WHERE etag = $4"
        )
    };
}

const SET: &str = set!("");

const SET_WITH_EVENT: &str = set!(insert_event!(
    "$6",
    "'file.scanned'",
    "f.scan_status",
    " FROM scanned AS f"
));

impl Db {
    /// Stores the scan result of the object with `key` and `etag`, if the row describes that
    /// object.
    pub async fn set_scan_status(
        &self,
        key: &ObjectKey,
        etag: &str,
        status: ScanStatus,
    ) -> Result<Scanned, Error> {
        const STEP: &str = "keeping what a scanner said";
        let params: [Param<'_>; 5] = [
            (&key.id().uuid(), Type::UUID),
            (&key.as_str(), Type::TEXT),
            (&etag, Type::TEXT),
            (&status.as_str(), Type::TEXT),
            (&Uuid::now_v7(), Type::UUID),
        ];
        let statement = Statement {
            sql: if self.events { SET_WITH_EVENT } else { SET },
            params: &params[..params.len() - usize::from(!self.events)],
            // A concurrent record step relies on the row that it has read.
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
