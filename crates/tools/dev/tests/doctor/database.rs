//! Broken databases: the fault is reported for the database, and not for the API that fails because
//! of it.

use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_processes::binary;
use slipway_testkit::{cache, guard};

use crate::stack::{Plan, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_has_stopped() {
    let own = Postgres::start(guard(), &PostgresOptions::temporary(cache())).expect("it starts");
    let mut migrate = tokio::process::Command::new(binary("migrate"));
    let migrated = migrate
        .env("DATABASE_URL", own.url())
        .output()
        .await
        .expect("it runs");
    assert!(migrated.status.success(), "{migrated:?}");
    let mut stack = Stack::start(Plan::with("DATABASE_URL", own.url())).await;
    stack.examine().await.finds(&[]);
    drop(own);
    let report = stack.examine().await;
    report.finds(&["database_unreachable"]);
    // The S3 check leaves nothing in the bucket.
    assert!(report.in_state("ok").contains(&"s3"), "{report:?}");
    assert_eq!(
        report.text_of("clean-up"),
        "0 files were created and deleted again"
    );
    // Without access to the database, the doctor uses the API's responses.
    stack.outputs.remove("DatabaseUrl");
    stack.examine().await.finds(&["api_database"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_behind() {
    let stack = Stack::healthy().await;
    // The state before the fourth migration.
    let back = "DELETE FROM slipway_migrations WHERE version >= 4;
        DROP TABLE maintenance; ALTER TABLE s3_files DROP COLUMN removed_at";
    stack
        .database
        .admin()
        .await
        .batch_execute(back)
        .await
        .expect("it runs");
    stack.examine().await.finds(&["schema_behind"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_may_not_take_the_role() {
    let mut stack = Stack::healthy().await;
    let admin = stack.database.admin().await;
    let login = "CREATE ROLE doctored LOGIN PASSWORD 'a-word-of-its-own'";
    admin.batch_execute(login).await.expect("it runs");
    let ours = format!("postgres:{}@", stack.database.server().password());
    let url = stack
        .database
        .url()
        .replace(&ours, "doctored:a-word-of-its-own@");
    let other = Stack::start(Plan::with("DATABASE_URL", url.clone())).await;
    other.examine().await.finds(&["role_not_granted"]);
    // The functions' login is unchanged; the doctor uses the login that it is given.
    stack.outputs.insert("DatabaseUrl", url);
    stack.examine().await.finds(&["role_not_granted"]);
    let drop = "DROP ROLE doctored";
    admin.batch_execute(drop).await.expect("it runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_without_row_security() {
    let stack = Stack::healthy().await;
    let off = "ALTER TABLE s3_files DISABLE ROW LEVEL SECURITY";
    stack
        .database
        .admin()
        .await
        .batch_execute(off)
        .await
        .expect("it runs");
    stack.examine().await.finds(&["row_security_off"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_url_that_says_nothing() {
    let mut stack = Stack::healthy().await;
    let nonsense = "postgres://u:hunter2@h/d?nonsense=1";
    stack.outputs.insert("DatabaseUrl", nonsense.to_owned());
    let report = stack.examine().await;
    report.finds(&["database_url"]);
    assert!(
        report.text_of("database").contains("nonsense"),
        "{report:?}"
    );
    assert!(
        !report.text_of("database").contains("hunter2"),
        "{report:?}"
    );
}

/// Reads still work, so `GET /usage` succeeds. `save-metadata` fails, and it uses S3 too.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full() {
    let mut stack = Stack::healthy().await;
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON s3_files FOR EACH ROW EXECUTE FUNCTION full_disk();
        CREATE TRIGGER full_disk BEFORE INSERT ON user_usage FOR EACH ROW EXECUTE FUNCTION full_disk()";
    let admin = stack.database.admin().await;
    admin.batch_execute(full).await.expect("it runs");
    let report = stack.examine().await;
    report.finds(&["database_full", "left_behind"]);
    assert!(report.text_of("save").contains("because of database_full"));
    // Without access to the database, the role of `save-metadata` is not blamed.
    stack.outputs.remove("DatabaseUrl");
    stack
        .examine()
        .await
        .finds(&["api_unavailable", "left_behind"]);
}
