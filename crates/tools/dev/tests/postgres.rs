//! A Postgres server starts from nothing, keeps its data, and stops with its owner.
#![expect(clippy::expect_used, reason = "tests fail by panics")]
use std::path::PathBuf;

use slipway_emulators::guard::Guard;
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use tokio_postgres::{Client, NoTls};

fn guard() -> Guard {
    Guard::new(env!("CARGO_BIN_EXE_slipway-dev"))
}

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_temporary_server_runs_and_leaves_no_files() {
    let options = PostgresOptions {
        settings: vec![("max_connections".into(), "7".into())],
        ..PostgresOptions::temporary(cache())
    };
    let server = Postgres::start(&guard(), &options).expect("starts");
    let client = connect(&server.url()).await;
    let row = client.query_one("SHOW max_connections", &[]).await;
    assert_eq!(row.expect("a row").get::<_, String>(0), "7");

    let wrong = server.url().replace(server.password(), "guess");
    assert!(tokio_postgres::connect(&wrong, NoTls).await.is_err());

    let folder = server.folder().to_owned();
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
}

#[tokio::test]
async fn kept_data_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = PostgresOptions::kept(folder.path().join("postgres"), cache());
    let server = Postgres::start(&guard(), &options).expect("starts");
    let client = connect(&server.url()).await;
    let made = client.batch_execute("CREATE TABLE kept AS SELECT 42 AS n");
    made.await.expect("made");
    let (url, really) = (server.url(), server.folder().to_owned());
    drop(server);

    let options = PostgresOptions {
        port: url
            .rsplit([':', '/'])
            .nth(1)
            .and_then(|port| port.parse().ok()),
        ..options
    };
    let server = Postgres::start(&guard(), &options).expect("starts again");
    assert_eq!(server.url(), url);
    let row = connect(&url)
        .await
        .query_one("SELECT n FROM kept", &[])
        .await;
    assert_eq!(row.expect("a row").get::<_, i32>(0), 42);
    drop(server);
    // For root, the data is in another folder.
    std::fs::remove_dir_all(really).expect("removed");
}

#[test]
fn an_error_of_the_server_is_reported() {
    let options = PostgresOptions {
        settings: vec![("no_such_setting".into(), "1".into())],
        port: Some(1),
        ..PostgresOptions::temporary(cache())
    };
    let error = Postgres::start(&guard(), &options).expect_err("refuses");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}
