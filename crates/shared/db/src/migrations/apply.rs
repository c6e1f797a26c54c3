//! Applies the missing migrations, one at a time, under a lock that lasts as long as its
//! transaction.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::foreign::{self, Found};
use super::{MIGRATIONS, MigrateError, Migration};
use crate::Db;
use crate::failure::Failure;
use crate::session::Session;

/// Longer than any deployment waits. A wait for another session's lock ends earlier.
const LIMIT: Duration = Duration::from_mins(10);

/// The applied and the missing migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// In the order of their versions.
    pub migrations: Vec<AppliedMigration>,
}

/// One migration, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its place in the order.
    pub version: i32,
    /// Its file's name.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// Only one program migrates at a time: "slipway" in ASCII.
const BEGIN: &str = "\
BEGIN;
SET LOCAL lock_timeout = '60s';
SET LOCAL statement_timeout = 0;
SELECT pg_advisory_xact_lock(32488822435963257);
CREATE TABLE IF NOT EXISTS slipway_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)";

/// The login must be able to SET ROLE to both roles. From Postgres 16 on, the creator of a role may
/// grant it, but cannot SET ROLE to it yet.
const GRANT_ROLES: &str = "\
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['slipway_app', 'slipway_maintain'] LOOP
        IF current_setting('server_version_num')::int >= 160000 THEN
            IF NOT pg_has_role(current_user, name, 'SET') THEN
                EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', name, current_user);
            END IF;
        ELSIF NOT pg_has_role(current_user, name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', name, current_user);
        END IF;
    END LOOP;
END
$$";

const APPLIED: &str = "SELECT version, name, checksum FROM slipway_migrations ORDER BY version";

const RECORD: &str = "INSERT INTO slipway_migrations (version, name, checksum) VALUES ($1, $2, $3)";

impl Db {
    /// Applies the missing migrations, and returns the names of those that it applied. Safe to run
    /// twice, also concurrently.
    pub async fn migrate(&self) -> Result<Vec<&'static str>, MigrateError> {
        let session = self.direct_session().await?;
        let mut applied = Vec::new();
        let done = within(async {
            while let Some(migration) = step(&session.client).await? {
                applied.push(migration.name);
            }
            Ok(())
        });
        match done.await {
            Ok(()) => Ok(applied),
            Err(error) => {
                let login = self.shared.config.login.get_user().unwrap_or_default();
                Err(error.explained(login).after(applied))
            }
        }
    }

    /// Returns the status of all migrations, without changing anything.
    pub async fn migration_status(&self) -> Result<Status, MigrateError> {
        let session = self.direct_session().await?;
        within(async {
            let there = session
                .client
                .query_typed(
                    "SELECT FROM pg_class WHERE oid = to_regclass('slipway_migrations')",
                    &[],
                )
                .await
                .map_err(|error| MigrateError::database("looking for slipway_migrations", error))?;
            let applied = if there.is_empty() {
                0
            } else {
                applied(&session.client).await?
            };
            let status = |migration: &Migration| AppliedMigration {
                version: migration.version,
                name: migration.name.to_owned(),
                applied: migration.version <= applied,
            };
            Ok(Status {
                migrations: MIGRATIONS.iter().map(status).collect(),
            })
        })
        .await
    }

    pub(super) async fn direct_session(&self) -> Result<Session, MigrateError> {
        self.connect()
            .await
            .map_err(|failure| MigrateError::database("connecting", failure))
    }
}

/// Applies the next migration. Returns `None` if none is missing.
async fn step(client: &Client) -> Result<Option<&'static Migration>, MigrateError> {
    begin(client).await?;
    let version = applied(client).await?;
    if version == 0 {
        match foreign::find(client).await? {
            Found::Nothing | Found::Ours => {}
            Found::Tutorial => return Err(MigrateError::Tutorial),
            Found::Foreign => return Err(MigrateError::Foreign),
        }
    }
    let next = MIGRATIONS
        .iter()
        .find(|migration| migration.version > version);
    if let Some(migration) = next {
        apply(client, migration).await?;
    }
    if next.is_none() {
        // Every time, because the login may differ from the one that created the roles.
        execute(client, "granting the roles", GRANT_ROLES).await?;
    }
    execute(client, "committing", "COMMIT").await?;
    Ok(next)
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), MigrateError> {
    let step = format!("migration {}", migration.name);
    execute(client, &step, migration.sql).await?;
    client
        .execute_typed(
            RECORD,
            &[
                (&migration.version, Type::INT4),
                (&migration.name, Type::TEXT),
                (&migration.checksum(), Type::TEXT),
            ],
        )
        .await
        .map_err(|error| MigrateError::database(step, error))?;
    Ok(())
}

/// The newest version in the database. Fails if it differs from what this program would have
/// created.
pub(crate) async fn applied(client: &Client) -> Result<i32, MigrateError> {
    let failed = |error| MigrateError::database("reading slipway_migrations", error);
    let mut newest = 0;
    for row in client.query_typed(APPLIED, &[]).await.map_err(failed)? {
        let version: i32 = row.try_get("version").map_err(failed)?;
        let checksum: String = row.try_get("checksum").map_err(failed)?;
        let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
        let Some(migration) = MIGRATIONS
            .iter()
            .find(|migration| migration.version == version)
        else {
            return Err(MigrateError::Newer { version, known });
        };
        if migration.checksum() != checksum {
            return Err(MigrateError::Changed {
                name: migration.name.to_owned(),
            });
        }
        newest = version;
    }
    Ok(newest)
}

pub(super) async fn begin(client: &Client) -> Result<(), MigrateError> {
    execute(client, "taking the migration lock", BEGIN).await
}

pub(super) async fn execute(client: &Client, step: &str, sql: &str) -> Result<(), MigrateError> {
    client
        .batch_execute(sql)
        .await
        .map_err(|error| MigrateError::database(step, error))
}

pub(super) async fn within<T>(
    work: impl Future<Output = Result<T, MigrateError>>,
) -> Result<T, MigrateError> {
    timeout(LIMIT, work).await.unwrap_or_else(|_| {
        Err(MigrateError::database(
            "migrating",
            Failure::Timeout("migrating"),
        ))
    })
}
