//! Imports the rows of an `s3_files` table from a tutorial (`id SERIAL PRIMARY KEY, object_key,
//! file_url, user_id, upload_timestamp`).
//!
//! Such a row cannot be converted. Its key does not contain its owner and its id, and the size,
//! ETag and type of the object are unknown. A row with invented values would violate the
//! invariants. The bucket is the source of truth, so the import copies the objects:
//!
//! 1. The table is renamed to `s3_files_tutorial` and stays readable. Our table is created next to
//!    it.
//! 2. Each row gets the id (a UUIDv7 of its `upload_timestamp`, so that lists keep their order) and
//!    the key that its object will have, in two new columns, `slipway_id` and `slipway_key`.
//! 3. `migrate --tutorial-copies BUCKET` prints the copy to make in S3 for each row that has none
//!    yet. A copied object is recorded like any other, from S3's description of it: by its event,
//!    or by `maintain`.
//!
//! Every step can be repeated. The old objects and rows stay until their owner removes them.

use slipway_core::{FileId, FileName, ObjectKey, UserId};
use time::OffsetDateTime;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use uuid::{NoContext, Timestamp, Uuid};

use super::MigrateError;
use super::apply::{begin, execute, within};
use super::foreign::{self, Found};
use crate::Db;

/// The result of the import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TutorialImport {
    /// The number of rows.
    pub rows: i64,
    /// The number of rows whose user or name cannot be part of a key (empty, too long, control
    /// characters).
    pub without_key: i64,
}

/// The copy that turns the object of a tutorial's row into one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TutorialCopy {
    /// The old key.
    pub from: String,
    /// The new key.
    pub to: ObjectKey,
    /// The name in lists: the last part of its old key.
    pub file_name: FileName,
}

/// Names of constraints, indexes and sequences are unique in a schema, and ours need them.
const RENAME: &str = "\
DO $$
DECLARE
    tutorial oid := to_regclass('s3_files');
    item record;
BEGIN
    ALTER TABLE s3_files RENAME TO s3_files_tutorial;
    FOR item IN SELECT conname AS name FROM pg_constraint WHERE conrelid = tutorial AND conname LIKE 's3\\_files\\_%' LOOP
        EXECUTE format('ALTER TABLE s3_files_tutorial RENAME CONSTRAINT %I TO %I',
                       item.name, replace(item.name, 's3_files_', 's3_files_tutorial_'));
    END LOOP;
    FOR item IN SELECT c.relname AS name FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                WHERE i.indrelid = tutorial AND c.relname LIKE 's3\\_files\\_%'
                  AND c.relname NOT LIKE 's3\\_files\\_tutorial\\_%' LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I',
                       item.name, replace(item.name, 's3_files_', 's3_files_tutorial_'));
    END LOOP;
    ALTER TABLE s3_files_tutorial
        ADD COLUMN IF NOT EXISTS slipway_id uuid UNIQUE,
        ADD COLUMN IF NOT EXISTS slipway_key text;
END
$$";

const IMPORTED: &str = "SELECT FROM pg_class WHERE oid = to_regclass('s3_files_tutorial')";

const WITHOUT_ID: &str = "\
SELECT id::bigint AS id, object_key::text AS object_key, user_id::text AS user_id,
       upload_timestamp::timestamptz AS upload_timestamp
FROM s3_files_tutorial WHERE slipway_id IS NULL ORDER BY id LIMIT 1000";

const SET_ID: &str = "\
UPDATE s3_files_tutorial AS t SET slipway_id = n.slipway_id, slipway_key = n.slipway_key
FROM unnest($1, $2, $3) AS n (id, slipway_id, slipway_key) WHERE t.id = n.id";

const COUNT: &str = "\
SELECT count(*), count(*) FILTER (WHERE slipway_key IS NULL) FROM s3_files_tutorial";

const COPIES: &str = "\
SELECT t.slipway_id, t.object_key::text AS object_key, t.slipway_key FROM s3_files_tutorial AS t
WHERE t.slipway_key IS NOT NULL AND t.slipway_id > $1
  AND NOT EXISTS (SELECT FROM s3_files AS f WHERE f.id = t.slipway_id)
ORDER BY t.slipway_id LIMIT 1000";

impl Db {
    /// Renames the tutorial's table, creates ours, and assigns each old row the key that its object
    /// will have.
    pub async fn import_tutorial_table(&self) -> Result<TutorialImport, MigrateError> {
        let session = self.direct_session().await?;
        let client = &session.client;
        within(async {
            begin(client).await?;
            if foreign::find(client).await? == Found::Tutorial {
                execute(client, "renaming s3_files", RENAME).await?;
            } else if rows(client, IMPORTED).await?.is_empty() {
                return Err(MigrateError::NothingToImport);
            }
            execute(client, "committing", "COMMIT").await
        })
        .await?;
        self.migrate().await?;
        within(async {
            while plan(client).await? {}
            let counts = rows(client, COUNT).await?;
            let count = |column| counts.first().and_then(|row| row.try_get(column).ok());
            Ok(TutorialImport {
                rows: count(0).unwrap_or_default(),
                without_key: count(1).unwrap_or_default(),
            })
        })
        .await
    }

    /// Returns the next copies to make in S3, after the copy to `after`: at most 1000, and none
    /// when all are recorded.
    pub async fn tutorial_copies(
        &self,
        after: Option<FileId>,
    ) -> Result<Vec<TutorialCopy>, MigrateError> {
        let session = self.direct_session().await?;
        let after = after.map_or(Uuid::nil(), slipway_core::FileId::uuid);
        let rows = session
            .client
            .query_typed(COPIES, &[(&after, Type::UUID)])
            .await
            .map_err(|error| MigrateError::database("reading s3_files_tutorial", error))?;
        let copy = |row: &Row| {
            let from: String = row.try_get("object_key").ok()?;
            let to = ObjectKey::parse(row.try_get("slipway_key").ok()?).ok()?;
            let file_name = name_in(&from)?;
            Some(TutorialCopy {
                from,
                to,
                file_name,
            })
        };
        Ok(rows.iter().filter_map(copy).collect())
    }
}

/// Assigns an id and a key to up to 1000 rows. Returns false when all have them.
async fn plan(client: &Client) -> Result<bool, MigrateError> {
    let failed = |error| MigrateError::database("planning the copies", error);
    let rows = rows(client, WITHOUT_ID).await?;
    let (mut ids, mut file_ids, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let time: Option<OffsetDateTime> = row.try_get("upload_timestamp").map_err(failed)?;
        let file_id = time.map_or_else(Uuid::now_v7, id_at);
        let user: Option<String> = row.try_get("user_id").map_err(failed)?;
        let key: String = row.try_get("object_key").map_err(failed)?;
        ids.push(row.try_get::<_, i64>("id").map_err(failed)?);
        file_ids.push(file_id);
        keys.push(key_of(user, file_id, &key).map(|key| key.to_string()));
    }
    client
        .execute_typed(
            SET_ID,
            &[
                (&ids, Type::INT8_ARRAY),
                (&file_ids, Type::UUID_ARRAY),
                (&keys, Type::TEXT_ARRAY),
            ],
        )
        .await
        .map_err(failed)?;
    Ok(!rows.is_empty())
}

fn key_of(user: Option<String>, id: Uuid, old_key: &str) -> Option<ObjectKey> {
    let owner = UserId::parse(user?)?;
    Some(ObjectKey::new(
        owner,
        FileId::from_uuid(id)?,
        &name_in(old_key)?,
    ))
}

fn name_in(old_key: &str) -> Option<FileName> {
    let name = old_key.rsplit('/').find(|part| !part.is_empty())?;
    FileName::parse(name).ok()
}

fn id_at(time: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(time.unix_timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, time.nanosecond()))
}

async fn rows(client: &Client, sql: &str) -> Result<Vec<Row>, MigrateError> {
    client
        .query_typed(sql, &[])
        .await
        .map_err(|error| MigrateError::database("reading s3_files_tutorial", error))
}
