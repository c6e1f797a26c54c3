//! A faulty database is reported by the name of its fault, and a healthy one has no findings.

use slipway_db::diagnosis::State;
use slipway_db::{Config, Db};
use slipway_testkit::{TcpFault, TcpProxy, TestDatabase, database, empty_database};

/// The faults of the database at `url`.
async fn faults(url: &str) -> Vec<&'static str> {
    let config = Config::parse("DATABASE_URL", url).expect("a URL");
    let findings = Db::new(config).expect("no TLS").diagnose().await;
    findings
        .iter()
        .filter_map(|finding| match finding.state {
            State::Fault(fault) => Some(fault),
            State::Well | State::Unseen => None,
        })
        .collect()
}

/// A database on which `sql` was run.
async fn after(database: TestDatabase, sql: &str) -> TestDatabase {
    let admin = database.admin().await;
    admin.batch_execute(sql).await.expect("the statement runs");
    database
}

#[tokio::test]
async fn a_migrated_database_is_well_in_every_way() {
    let database = database();
    let findings = database.db().diagnose().await;
    let seen: Vec<_> = findings.iter().map(|f| (f.check, f.state)).collect();
    assert_eq!(
        seen,
        ["database", "schema", "roles", "row-security", "writes"].map(|check| (check, State::Well)),
        "{findings:?}"
    );
    let admin = database.admin().await;
    let left = admin.query("SELECT FROM user_usage", &[]).await;
    assert!(left.expect("read").is_empty(), "nothing was changed");
}

#[tokio::test]
async fn a_server_that_does_not_answer_or_refuses_the_login_is_named() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    proxy.set(TcpFault::Refuse);
    let url = proxy.through(&database.url());
    assert_eq!(faults(&url).await, ["database_unreachable"]);
    proxy.set(TcpFault::None);
    let wrong = url.replace(database.server().password(), "guess");
    assert_eq!(faults(&wrong).await, ["database_login"]);
    let missing = url.replace(database.name(), "no_such_database");
    assert_eq!(faults(&missing).await, ["database_login"]);
}

#[tokio::test]
async fn a_server_without_tls_is_named_where_tls_is_asked_for() {
    let url = format!("{}?sslmode=require", database().url());
    assert_eq!(faults(&url).await, ["database_tls"]);
}

#[tokio::test]
async fn the_state_of_the_schema_is_named() {
    let empty = empty_database();
    assert_eq!(faults(&empty.url()).await, ["schema_missing"]);
    let tutorial = "CREATE TABLE s3_files (id serial PRIMARY KEY, object_key text, file_url text, user_id text,
        upload_timestamp timestamptz)";
    let empty = after(empty, tutorial).await;
    assert_eq!(faults(&empty.url()).await, ["schema_foreign"]);

    let behind = "DELETE FROM slipway_migrations WHERE version = (SELECT max(version) FROM slipway_migrations)";
    let behind = after(database(), behind).await;
    assert_eq!(faults(&behind.url()).await, ["schema_behind"]);
    let ahead =
        "INSERT INTO slipway_migrations (version, name, checksum) VALUES (999, '0999_later', '')";
    let ahead = after(database(), ahead).await;
    assert_eq!(faults(&ahead.url()).await, ["schema_ahead"]);
    let changed = "UPDATE slipway_migrations SET checksum = 'another' WHERE version = 1";
    let changed = after(database(), changed).await;
    assert_eq!(faults(&changed.url()).await, ["schema_changed"]);
}

#[tokio::test]
async fn a_login_that_may_not_take_the_roles_is_named() {
    let database = after(
        database(),
        "DO $$ BEGIN CREATE ROLE diagnosed LOGIN PASSWORD 'diagnosed'; END $$",
    )
    .await;
    let server = database.server();
    let url = database.url().replace(
        &format!("postgres:{}@", server.password()),
        "diagnosed:diagnosed@",
    );
    assert_ne!(url, database.url());
    assert_eq!(faults(&url).await, ["role_not_granted"]);
}

#[tokio::test]
async fn tables_without_row_security_are_named() {
    let off = "ALTER TABLE s3_files DISABLE ROW LEVEL SECURITY";
    let database = after(database(), off).await;
    assert_eq!(faults(&database.url()).await, ["row_security_off"]);
    let own = "ALTER TABLE s3_files ENABLE ROW LEVEL SECURITY; ALTER TABLE user_usage OWNER TO slipway_app";
    let database = after(database, own).await;
    assert_eq!(faults(&database.url()).await, ["row_security_off"]);
}

/// Providers make a database read-only when its disk is full, and some signal it by this setting
/// alone.
#[tokio::test]
async fn a_database_that_takes_no_writes_is_named() {
    let database = database();
    let read_only = format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name()
    );
    let database = after(database, &read_only).await;
    assert_eq!(faults(&database.url()).await, ["database_read_only"]);
}

/// The error of Postgres when it cannot extend a table.
#[tokio::test]
async fn a_full_disk_is_named_although_everything_can_be_read() {
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON user_usage FOR EACH ROW EXECUTE FUNCTION full_disk()";
    let database = after(database(), full).await;
    assert_eq!(faults(&database.url()).await, ["database_full"]);
}
