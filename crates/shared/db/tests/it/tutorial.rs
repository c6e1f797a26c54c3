//! A table that a tutorial made: refused with advice, and imported without losing a row.

use slipway_core::UserId;
use slipway_db::Usage;
use slipway_db::migrations::MigrateError;
use slipway_testkit::{TestDatabase, empty_database};

use crate::support::{checked_usage, object, record, user};

async fn tutorial() -> TestDatabase {
    let database = empty_database();
    database
        .admin()
        .await
        .batch_execute(
            "CREATE TABLE s3_files (
                 id SERIAL PRIMARY KEY, object_key TEXT NOT NULL UNIQUE, file_url TEXT NOT NULL,
                 user_id TEXT NOT NULL, upload_timestamp TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
             CREATE INDEX idx_s3_files_user_id ON s3_files (user_id);
             INSERT INTO s3_files (object_key, file_url, user_id, upload_timestamp) VALUES
                 ('uploads/7-Übergröße.pdf', 'https://x/1', 'alice', '2024-05-01 10:00:00+00'),
                 ('uploads/8-new.txt', 'https://x/2', 'alice', '2025-05-01 10:00:00+00'),
                 ('plain', 'https://x/3', 'auth0|bob', NULL),
                 ('nobody', 'https://x/4', '', now()),
                 ('folder/', 'https://x/5', 'alice', '2023-05-01 10:00:00+00')",
        )
        .await
        .expect("a tutorial's table");
    database
}

#[tokio::test]
async fn migrating_over_it_says_what_to_do() {
    let database = tutorial().await;
    let error = database.db().migrate().await.expect_err("refused");
    assert!(matches!(error, MigrateError::Tutorial));
    assert!(
        error
            .to_string()
            .contains("migrate --import-tutorial-table"),
        "{error}"
    );
    let rows = database
        .admin()
        .await
        .query("SELECT id, file_url FROM s3_files", &[])
        .await
        .expect("rows");
    assert_eq!(rows.len(), 5);
}

#[tokio::test]
async fn an_import_keeps_every_row_and_plans_its_copy() {
    let database = tutorial().await;
    let db = database.db();
    let report = db.import_tutorial_table().await.expect("imported");
    assert_eq!((report.rows, report.without_key), (5, 1));
    let admin = database.admin().await;
    let kept = admin
        .query(
            "SELECT id, object_key, file_url, user_id, upload_timestamp FROM s3_files_tutorial",
            &[],
        )
        .await
        .expect("the tutorial's own columns");
    assert_eq!(kept.len(), 5);
    // The sizes are unknown, so no user has a file yet.
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());

    let copies = db.tutorial_copies(None).await.expect("copies");
    assert_eq!(copies.len(), 4);
    let from: Vec<&str> = copies.iter().map(|copy| copy.from.as_str()).collect();
    // By the age of the upload, which the ids keep.
    assert_eq!(
        from[..3],
        ["folder/", "uploads/7-Übergröße.pdf", "uploads/8-new.txt"]
    );
    assert_eq!(copies[1].file_name.as_str(), "7-Übergröße.pdf");
    assert_eq!(copies[1].to.owner(), &user("alice"));
    let bob = UserId::parse("auth0|bob").expect("a sub");
    assert_eq!(copies[3].to.owner(), &bob);

    // Run again, it changes nothing and plans the same.
    assert_eq!(db.import_tutorial_table().await.expect("again"), report);
    assert_eq!(db.tutorial_copies(None).await.expect("copies"), copies);

    // A copied object is recorded like any other, and is then no copy to make.
    let _ = record(&db, &object(&copies[1].to, 9, "a", 1)).await;
    let left = db.tutorial_copies(None).await.expect("copies");
    assert_eq!(left.len(), 3);
    let after = db
        .tutorial_copies(Some(copies[1].to.id()))
        .await
        .expect("copies");
    assert_eq!(after, copies[2..]);
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 9 }
    );
}

#[tokio::test]
async fn there_must_be_something_to_import() {
    let database = slipway_testkit::database();
    let error = database
        .db()
        .import_tutorial_table()
        .await
        .expect_err("nothing");
    assert!(matches!(error, MigrateError::NothingToImport));
}

#[tokio::test]
async fn rows_of_others_are_not_for_the_functions() {
    let database = tutorial().await;
    database
        .db()
        .import_tutorial_table()
        .await
        .expect("imported");
    let admin = database.admin().await;
    admin
        .batch_execute("SET ROLE slipway_app")
        .await
        .expect("set");
    assert!(
        admin
            .query("SELECT * FROM s3_files_tutorial", &[])
            .await
            .is_err()
    );
}
