//! A Postgres that counts the cost of statements.

use std::io;

use slipway_core::UserId;
use slipway_db::{Config, Db};
use slipway_emulators::guard::Guard;
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_testkit::cache;
use tokio_postgres::{Client, NoTls};

/// A row with its indexes and some room, in bytes.
const BYTES_OF_A_ROW: u64 = 1000;

/// The server. Its data is deleted when it is dropped.
pub(super) struct StatementServer {
    postgres: Postgres,
    /// The superuser, for whom row-level security does not hold.
    pub(super) admin: Client,
}

impl StatementServer {
    /// Starts it with an empty schema. Commits wait for the disk, since the wait for a lock
    /// includes them.
    pub(super) async fn start() -> io::Result<Self> {
        let mut options = PostgresOptions::temporary(cache());
        options.fsync = true;
        options.settings = [
            ("max_connections", "100"),
            ("shared_buffers", "512MB"),
            ("max_wal_size", "1GB"),
            ("maintenance_work_mem", "512MB"),
            ("shared_preload_libraries", "pg_stat_statements"),
            ("pg_stat_statements.track", "all"),
            ("pg_stat_statements.track_planning", "on"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let postgres = Postgres::start(&Guard::this()?, &options)?;
        let (admin, connection) = tokio_postgres::connect(&postgres.url(), NoTls)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        let server = Self { postgres, admin };
        server.run("CREATE EXTENSION pg_stat_statements").await?;
        server.db()?.migrate().await.map_err(io::Error::other)?;
        Ok(server)
    }

    /// A `Db` as in a function: one connection, opened when it is needed.
    pub(super) fn db(&self) -> io::Result<Db> {
        let config = Config::parse("DATABASE_URL", &self.postgres.url());
        Db::new(config.map_err(io::Error::other)?).map_err(io::Error::other)
    }

    /// Fails if the disk has no room for so many more `rows`.
    pub(super) fn check_room(&self, rows: u64) -> io::Result<()> {
        let disk = nix::sys::statvfs::statvfs(self.postgres.folder())?;
        let free = disk.blocks_available() * disk.fragment_size();
        let needed = rows * BYTES_OF_A_ROW + (2 << 30);
        if needed <= free {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{rows} rows need {} GB of disk, and {} are free: give fewer --rows",
            needed >> 30,
            free >> 30
        )))
    }

    /// Runs statements as superuser.
    pub(super) async fn run(&self, sql: &str) -> io::Result<()> {
        self.admin
            .batch_execute(sql)
            .await
            .map_err(io::Error::other)
    }

    /// Reads one value.
    pub(super) async fn value<T: for<'a> tokio_postgres::types::FromSql<'a>>(
        &self,
        sql: &str,
    ) -> io::Result<T> {
        let row = self
            .admin
            .query_one(sql, &[])
            .await
            .map_err(io::Error::other)?;
        row.try_get(0).map_err(io::Error::other)
    }

    /// Fails if a user's usage is not the sum of the rows.
    pub(super) async fn check_usage(&self) -> io::Result<()> {
        let wrong: i64 = self
            .value(
                "SELECT count(*) FROM user_usage AS u FULL JOIN (
                     SELECT user_id, count(*) AS files, sum(size)::bigint AS bytes FROM s3_files
                     WHERE deleted_at IS NULL GROUP BY user_id
                 ) AS f USING (user_id)
                 WHERE coalesce(u.files, 0) <> coalesce(f.files, 0) OR coalesce(u.bytes, 0) <> coalesce(f.bytes, 0)",
            )
            .await?;
        if wrong == 0 {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "the usage of {wrong} users is not the sum of their rows"
        )))
    }
}

/// A user by name.
pub(super) fn user(name: &str) -> io::Result<UserId> {
    UserId::parse(name).ok_or_else(|| io::Error::other("no such name for a user"))
}
