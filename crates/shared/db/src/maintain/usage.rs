//! Compares `user_usage` with the sum of the live rows, and repairs it.

use slipway_core::{Error, UserId};
use tokio_postgres::types::Type;

use crate::Db;
use crate::files::value;

/// A user whose usage is not the sum of the live rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageDrift {
    /// The user's id.
    pub user: String,
    /// The number of files by which the usage exceeds the sum. Negative if it is too low.
    pub files: i64,
    /// The number of bytes by which the usage exceeds the sum. Negative if it is too low.
    pub bytes: i64,
}

/// Reads both tables in one snapshot. This is exact, because every transaction that changes a row
/// also updates the usage.
const DRIFT: &str = "\
SELECT w.user_id,
       coalesce(u.files, 0) - sums.files AS files, coalesce(u.bytes, 0) - sums.bytes AS bytes
FROM unnest($1::text[]) AS w (user_id)
LEFT JOIN user_usage AS u ON u.user_id = w.user_id COLLATE \"C\"
CROSS JOIN LATERAL (
    SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes
    FROM s3_files AS f WHERE f.user_id = w.user_id COLLATE \"C\" AND f.deleted_at IS NULL
) AS sums
WHERE coalesce(u.files, 0) <> sums.files OR coalesce(u.bytes, 0) <> sums.bytes";

const ADD: &str = "\
INSERT INTO user_usage (user_id, files, bytes)
SELECT user_id, 0, 0 FROM unnest($1::text[]) AS w (user_id) ORDER BY user_id COLLATE \"C\"
ON CONFLICT (user_id) DO NOTHING";

/// Blocks other transactions that record or delete a file of these users. Their own rows are not
/// visible yet.
const LOCK: &str = "\
SELECT user_id FROM user_usage WHERE user_id = ANY($1) ORDER BY user_id FOR UPDATE";

/// Clears a quota that the true sum exceeds. The next upload that increases the sum writes the
/// quota again.
const REPAIR: &str = "\
UPDATE user_usage AS u SET
    files = sums.files, bytes = sums.bytes,
    quota_bytes = CASE WHEN sums.bytes <= u.quota_bytes THEN u.quota_bytes END
FROM unnest($1::text[]) AS w (user_id) CROSS JOIN LATERAL (
    SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes
    FROM s3_files AS f WHERE f.user_id = w.user_id COLLATE \"C\" AND f.deleted_at IS NULL
) AS sums
WHERE u.user_id = w.user_id COLLATE \"C\"";

/// Lists users with a usage. `suspect` marks a user with a nonzero usage and without a live row,
/// because a walk over keys does not visit such a user.
const USERS: &str = "\
SELECT u.user_id,
       (u.files <> 0 OR u.bytes <> 0) AND NOT EXISTS (
           SELECT FROM s3_files AS f WHERE f.user_id = u.user_id AND f.deleted_at IS NULL) AS suspect
FROM user_usage AS u WHERE u.user_id > $1 ORDER BY u.user_id LIMIT $2";

/// Deletes all usage rows after `s3_files` was emptied outside this program.
const FORGET: &str = "DELETE FROM user_usage WHERE NOT EXISTS (SELECT FROM s3_files)";

/// Deletes the zero usage of a user without rows in `s3_files`.
const FORGET_EVENTS: &str = "DELETE FROM webhook_events WHERE user_id = $1";

const FORGET_USER: &str = "\
DELETE FROM user_usage
WHERE user_id = $1 AND files = 0 AND bytes = 0 AND NOT EXISTS (SELECT FROM s3_files WHERE user_id = $1)";

const KNOWS: &str = "\
SELECT EXISTS (SELECT FROM s3_files WHERE user_id = $1)
    OR EXISTS (SELECT FROM multipart_uploads WHERE user_id = $1)
    OR EXISTS (SELECT FROM user_usage WHERE user_id = $1) AS known";

const STEP: &str = "auditing usage";

impl Db {
    /// Returns the entries of `users` whose usage is not the sum of their live rows.
    pub async fn usage_drift(&self, users: &[UserId]) -> Result<Vec<UsageDrift>, Error> {
        let users: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let rows = self
            .run_maintain(&[(DRIFT, &[(&users, Type::TEXT_ARRAY)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter()
            .map(|row| {
                Ok(UsageDrift {
                    user: value(row, "user_id", STEP)?,
                    files: value(row, "files", STEP)?,
                    bytes: value(row, "bytes", STEP)?,
                })
            })
            .collect()
    }

    /// Returns whether any table has a row of `user`, tombstones included.
    pub async fn knows_user(&self, user: &UserId) -> Result<bool, Error> {
        let rows = self
            .run_maintain(&[(KNOWS, &[(&user.as_str(), Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error("looking for the user"))?;
        rows.first()
            .map_or(Ok(false), |row| value(row, "known", STEP))
    }

    /// Sets the usage of these users to the sum of their live rows. Safe under concurrent changes.
    pub async fn repair_usage(&self, drifted: &[UsageDrift]) -> Result<(), Error> {
        let users: Vec<&str> = drifted.iter().map(|drift| drift.user.as_str()).collect();
        let params: &[_] = &[(&users as _, Type::TEXT_ARRAY)];
        self.run_maintain(&[(ADD, params), (LOCK, params), (REPAIR, params)])
            .await
            .map_err(|failure| failure.into_error("repairing usage"))?;
        Ok(())
    }

    /// Returns at most `limit` users with a usage, after `after`. The flag is true if the usage is
    /// not zero and the user has no live row.
    pub async fn users_after(&self, after: &str, limit: u32) -> Result<Vec<(UserId, bool)>, Error> {
        let rows = self
            .run_maintain(&[(
                USERS,
                &[(&after, Type::TEXT), (&i64::from(limit), Type::INT8)],
            )])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        rows.iter()
            .map(|row| {
                let user = UserId::parse(value::<String>(row, "user_id", STEP)?)
                    .ok_or_else(|| Error::internal(STEP, "an impossible user_id"))?;
                Ok((user, value(row, "suspect", STEP)?))
            })
            .collect()
    }

    /// Deletes the usage of `user`, who must have no rows left, not even a tombstone.
    pub async fn forget_user(&self, user: &UserId) -> Result<(), Error> {
        self.run_maintain(&[(FORGET_USER, &[(&user.as_str(), Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }

    /// Deletes the webhook's events about files of `user`, delivered or not. No index serves this:
    /// the table has the events of a week.
    pub async fn forget_events(&self, user: &UserId) -> Result<(), Error> {
        self.run_maintain(&[(FORGET_EVENTS, &[(&user.as_str(), Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error("deleting events"))?;
        Ok(())
    }

    /// Deletes the usage of all users if `s3_files` is empty.
    pub async fn forget_usage_of_nothing(&self) -> Result<(), Error> {
        self.run_maintain(&[(FORGET, &[])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }
}
