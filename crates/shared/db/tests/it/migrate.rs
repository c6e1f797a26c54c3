//! Migrations run once each, in order, and never over a foreign table.

use std::time::Duration;

use slipway_db::Usage;
use slipway_db::migrations::{MIGRATIONS, MigrateError};
use slipway_testkit::{database, empty_database};
use tokio_postgres::Client;

use crate::support::{checked_usage, file};
use slipway_db::{Config, Db};
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_testkit::{cache, guard};

#[tokio::test]
async fn an_empty_database_gets_everything_once() {
    let database = empty_database();
    let db = database.db();
    let status = db.migration_status().await.expect("status");
    assert!(status.migrations.iter().all(|migration| !migration.applied));
    let names: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    assert_eq!(db.migrate().await.expect("migrated"), names);
    assert!(db.migrate().await.expect("migrated").is_empty());
    let status = db.migration_status().await.expect("status");
    assert!(status.migrations.iter().all(|migration| migration.applied));
    let _ = file(&db, "alice", 5).await;
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 5 }
    );
}

#[tokio::test]
async fn many_at_once_apply_each_once() {
    let database = empty_database();
    let runs = (0..6).map(|_| {
        let db = database.db();
        async move { db.migrate().await.expect("migrated").len() }
    });
    let counts = futures_util::future::join_all(runs).await;
    assert_eq!(counts.iter().sum::<usize>(), MIGRATIONS.len());
}

/// An applied migration may be applied again, for example after a restore without its history.
#[tokio::test]
async fn everything_can_be_run_again() {
    let database = database();
    let db = database.db();
    let _ = file(&db, "alice", 5).await;
    database
        .admin()
        .await
        .batch_execute("DROP TABLE slipway_migrations")
        .await
        .expect("dropped");
    assert_eq!(
        db.migrate().await.expect("migrated").len(),
        MIGRATIONS.len()
    );
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 5 }
    );
}

/// As the database was before version 8.
const AT_7: &str = "\
DROP INDEX s3_files_user_id_deleted_at_id;
CREATE INDEX s3_files_live ON s3_files (user_id, id) WHERE deleted_at IS NULL;
DELETE FROM slipway_migrations WHERE version > 7";

/// Waits until so many wait for a lock on `s3_files`.
async fn until_waiting(admin: &Client, many: i64) {
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE relation = 's3_files'::regclass AND NOT granted";
    let wait = async {
        while admin
            .query_one(waiting, &[])
            .await
            .expect("locks")
            .get::<_, i64>(0)
            < many
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait)
        .await
        .expect("somebody waits");
}

/// A transaction that waits to record already holds a lock from reading. A migration that created
/// one index and then dropped another would wait for it in turn.
#[tokio::test]
async fn an_index_is_replaced_while_files_are_recorded() {
    let database = database();
    let (admin, mut other) = (database.admin().await, database.admin().await);
    admin.batch_execute(AT_7).await.expect("version 7");
    let writing = other.transaction().await.expect("a transaction");
    writing
        .batch_execute("LOCK TABLE s3_files IN ROW EXCLUSIVE MODE")
        .await
        .expect("as a write does");
    let (migrating, recording) = (database.db(), database.db());
    let migrated = tokio::spawn(async move { migrating.migrate().await });
    until_waiting(&admin, 1).await;
    let recorded = tokio::spawn(async move { file(&recording, "alice", 5).await });
    until_waiting(&admin, 2).await;
    writing.commit().await.expect("written");
    let applied = migrated.await.expect("no panic").expect("migrated");
    assert!(applied.starts_with(&["0008_list_order", "0009_drop_live_files"]));
    let _ = recorded.await.expect("recorded");
}

/// Runs the statements that docs/postgres.md gives to an administrator of a large table before the
/// upgrade.
#[tokio::test]
async fn an_index_that_was_created_by_hand_is_found_and_a_broken_one_refused() {
    const NAMES: &str = "s3_files_user_id_file_name_id";
    let database = database();
    let (db, admin) = (database.db(), database.admin().await);
    let run = async |sql: &str| admin.batch_execute(sql).await.expect(sql);
    let before = async || {
        run(&format!("DROP INDEX {NAMES}")).await;
        run("DELETE FROM slipway_migrations WHERE version >= 13").await;
    };
    let concurrently = "CREATE INDEX CONCURRENTLY s3_files_user_id_file_name_id \
        ON s3_files (user_id, file_name COLLATE \"C\", id) WHERE deleted_at IS NULL";

    before().await;
    run(concurrently).await;
    let file = async || {
        let sql = format!("SELECT pg_relation_filenode('{NAMES}')::bigint");
        let row = admin.query_one(&sql, &[]).await.expect("the index");
        row.get::<_, i64>(0)
    };
    let by_hand = file().await;
    assert_eq!(db.migrate().await.expect("migrated")[0], "0013_names");
    assert_eq!(file().await, by_hand, "the same index");

    // Interrupted.
    before().await;
    run(concurrently).await;
    run(&format!(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{NAMES}'::regclass"
    ))
    .await;
    let error = db.migrate().await.expect_err("invalid").to_string();
    assert!(error.contains("is invalid"), "{error}");
    run(&format!("DROP INDEX CONCURRENTLY {NAMES}")).await;
    assert_eq!(db.migrate().await.expect("migrated")[0], "0013_names");
}

#[tokio::test]
async fn a_migration_that_was_edited_is_refused() {
    let database = database();
    let admin = database.admin().await;
    admin
        .batch_execute("UPDATE slipway_migrations SET checksum = 'x' WHERE version = 2")
        .await
        .expect("edited");
    let error = database.db().migrate().await.expect_err("edited");
    assert!(
        matches!(&error, MigrateError::Changed { name } if name == "0002_files"),
        "{error}"
    );
}

#[tokio::test]
async fn a_newer_database_is_refused_by_name() {
    let database = database();
    let admin = database.admin().await;
    admin
        .batch_execute("INSERT INTO slipway_migrations (version, name, checksum) VALUES (99, '0099_later', 'x')")
        .await
        .expect("newer");
    let error = database
        .db()
        .migrate()
        .await
        .expect_err("newer")
        .to_string();
    assert!(
        error.contains("version 99") && error.contains(&format!("up to {}", MIGRATIONS.len())),
        "{error}"
    );
    // Functions still work: expanding never breaks the running code.
    let _ = file(&database.db(), "alice", 5).await;
}

#[tokio::test]
async fn somebody_elses_table_is_left_alone() {
    for foreign in [
        "CREATE TABLE s3_files (name text)",
        "CREATE VIEW s3_files AS SELECT 1 AS id",
    ] {
        let database = empty_database();
        let admin = database.admin().await;
        admin.batch_execute(foreign).await.expect("made");
        let error = database.db().migrate().await.expect_err("foreign");
        assert!(matches!(error, MigrateError::Foreign), "{error}");
        let tables = admin
            .query(
                "SELECT FROM pg_class WHERE relname IN ('slipway_migrations', 'user_usage')",
                &[],
            )
            .await
            .expect("the catalogue");
        assert!(tables.is_empty(), "nothing was made");
    }
}

/// A statement on a database without migrations returns an error that says what to do.
#[tokio::test]
async fn a_missing_schema_is_named_in_the_log() {
    let database = empty_database();
    let error = database
        .db()
        .usage(&crate::support::user("alice"))
        .await
        .expect_err("no schema");
    assert_eq!(error.code(), slipway_core::Code::Internal);
    let source = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(source.contains("run migrate"), "{source}");
}

/// Runs `sql` as the superuser of `server`.
async fn administer(server: &Postgres, sql: &str) {
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls)
        .await
        .expect("the server answers");
    let connection = tokio::spawn(connection);
    for statement in sql.split(';') {
        client.batch_execute(statement).await.expect(statement);
    }
    drop(client);
    let _ = connection.await;
}

/// The SQL that an error recommends to an administrator.
fn told(error: &MigrateError) -> String {
    let text = error.to_string();
    text.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .collect()
}

/// As in a company whose administrators create all roles: the login only owns its database.
#[tokio::test]
async fn a_login_without_createrole_is_told_the_way_and_the_way_works() {
    // Its own server: the roles belong to the whole cluster.
    let server = Postgres::start(guard(), &PostgresOptions::temporary(cache())).expect("it starts");
    let login = "CREATE ROLE \"plain login\" LOGIN PASSWORD 'secret';
        CREATE DATABASE first OWNER \"plain login\";
        CREATE DATABASE second OWNER \"plain login\"";
    administer(&server, login).await;
    let db = |database: &str| {
        let url = format!(
            "postgres://plain%20login:secret@127.0.0.1:{}/{database}",
            server.port()
        );
        Db::new(Config::parse("DATABASE_URL", &url).expect("a URL")).expect("no TLS")
    };

    // There are no roles: nothing is applied.
    let error = db("first").migrate().await.expect_err("it may not");
    assert!(
        matches!(error, MigrateError::Roles { missing: true, .. }),
        "{error}"
    );
    let way = told(&error);
    assert!(
        way.contains("CREATE ROLE slipway_app") && way.contains("TO \"plain login\""),
        "{error}"
    );

    // Another login has created the roles: all migrations are applied, and this login cannot use
    // the roles.
    let roles = "CREATE ROLE slipway_app NOLOGIN; CREATE ROLE slipway_maintain NOLOGIN";
    administer(&server, roles).await;
    let error = db("second").migrate().await.expect_err("it may not");
    let text = error.to_string();
    assert!(
        text.contains(&format!(
            "{} migrations were applied before that",
            MIGRATIONS.len()
        )),
        "{text}"
    );
    assert!(
        !text.contains("CREATE ROLE") && text.contains("GRANT slipway_app"),
        "{text}"
    );
    administer(&server, &told(&error)).await;
    assert!(db("second").migrate().await.expect("migrated").is_empty());
    let _ = file(&db("second"), "alice", 5).await;

    // The first way again, on an empty database.
    administer(
        &server,
        "DROP DATABASE second WITH (FORCE); DROP ROLE slipway_app; DROP ROLE slipway_maintain",
    )
    .await;
    administer(&server, &way).await;
    assert_eq!(
        db("first").migrate().await.expect("migrated").len(),
        MIGRATIONS.len()
    );
    let _ = file(&db("first"), "alice", 5).await;
}
