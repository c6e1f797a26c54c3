//! Whether `user_usage` is the sum of the live rows, and making it so.

use slipway_core::{Error, UserId};
use tokio_postgres::types::Type;

use crate::Db;
use crate::files::value;

/// A user whose usage is not the sum of the live rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageDrift {
    /// Who.
    pub user: String,
    /// How many files too many the usage has, or too few.
    pub files: i64,
    /// How many bytes.
    pub bytes: i64,
}

/// One snapshot of both tables: whoever changes a row changes the usage in the same transaction.
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

/// Whoever records or deletes a file of theirs now waits here, with its own row not yet to be seen.
const LOCK: &str = "\
SELECT user_id FROM user_usage WHERE user_id = ANY($1) ORDER BY user_id FOR UPDATE";

/// A quota that the true sum is over cannot stand; the next upload that grows the sum writes it again.
const REPAIR: &str = "\
UPDATE user_usage AS u SET
    files = sums.files, bytes = sums.bytes,
    quota_bytes = CASE WHEN sums.bytes <= u.quota_bytes THEN u.quota_bytes END
FROM unnest($1::text[]) AS w (user_id) CROSS JOIN LATERAL (
    SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes
    FROM s3_files AS f WHERE f.user_id = w.user_id COLLATE \"C\" AND f.deleted_at IS NULL
) AS sums
WHERE u.user_id = w.user_id COLLATE \"C\"";

/// Who has a usage, and whether it is that of nothing: such a user is not met by a walk over keys.
const USERS: &str = "\
SELECT u.user_id,
       (u.files <> 0 OR u.bytes <> 0) AND NOT EXISTS (
           SELECT FROM s3_files AS f WHERE f.user_id = u.user_id AND f.deleted_at IS NULL) AS suspect
FROM user_usage AS u WHERE u.user_id > $1 ORDER BY u.user_id LIMIT $2";

/// What is left of users when `s3_files` was emptied behind our back.
const FORGET: &str = "DELETE FROM user_usage WHERE NOT EXISTS (SELECT FROM s3_files)";

/// What is left of a user of whom there is nothing else.
const FORGET_USER: &str = "\
DELETE FROM user_usage
WHERE user_id = $1 AND files = 0 AND bytes = 0 AND NOT EXISTS (SELECT FROM s3_files WHERE user_id = $1)";

const KNOWS: &str = "\
SELECT EXISTS (SELECT FROM s3_files WHERE user_id = $1)
    OR EXISTS (SELECT FROM multipart_uploads WHERE user_id = $1)
    OR EXISTS (SELECT FROM user_usage WHERE user_id = $1) AS known";

const STEP: &str = "auditing usage";

impl Db {
    /// Those of `users` whose usage is not the sum of their live rows.
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

    /// Whether any table has a row of `user`, tombstones included.
    pub async fn knows_user(&self, user: &UserId) -> Result<bool, Error> {
        let rows = self
            .run_maintain(&[(KNOWS, &[(&user.as_str(), Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error("looking for the user"))?;
        rows.first()
            .map_or(Ok(false), |row| value(row, "known", STEP))
    }

    /// Makes the usage of these users the sum of their live rows, whatever happens at the same time.
    pub async fn repair_usage(&self, drifted: &[UsageDrift]) -> Result<(), Error> {
        let users: Vec<&str> = drifted.iter().map(|drift| drift.user.as_str()).collect();
        let params: &[_] = &[(&users as _, Type::TEXT_ARRAY)];
        self.run_maintain(&[(ADD, params), (LOCK, params), (REPAIR, params)])
            .await
            .map_err(|failure| failure.into_error("repairing usage"))?;
        Ok(())
    }

    /// At most `limit` users that have a usage, after `after`, and whether theirs is that of nothing.
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

    /// Forgets `user`, of whom there is no row any more, not even a tombstone.
    pub async fn forget_user(&self, user: &UserId) -> Result<(), Error> {
        self.run_maintain(&[(FORGET_USER, &[(&user.as_str(), Type::TEXT)])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }

    /// Forgets everybody's usage, if there is no row at all.
    pub async fn forget_usage_of_nothing(&self) -> Result<(), Error> {
        self.run_maintain(&[(FORGET, &[])])
            .await
            .map_err(|failure| failure.into_error(STEP))?;
        Ok(())
    }
}
