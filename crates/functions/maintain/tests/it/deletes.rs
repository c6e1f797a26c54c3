//! Deletes finish, and a deleted file never comes back.

use slipway_maintain::TOMBSTONE_AGE;
use slipway_record::Outcome;

use crate::world::{World, deletes, reconcile};

/// Sets the age of every tombstone to `TOMBSTONE_AGE` plus `seconds`, which may be negative.
pub(crate) async fn age(world: &World, seconds: i64) {
    let age = i64::try_from(TOMBSTONE_AGE.as_secs()).unwrap() + seconds;
    world
        .sql(&format!(
            "UPDATE s3_files SET deleted_at = now() - interval '{age} seconds' WHERE deleted_at IS NOT NULL"
        ))
        .await;
}

#[tokio::test]
async fn an_object_goes_at_once_and_its_tombstone_when_no_url_can_bring_it_back() {
    let world = World::new().await;
    let kept = world.file("alice").await;
    let gone = world.file("alice").await;
    world.delete(&gone).await;
    assert_eq!(TOMBSTONE_AGE.as_secs(), 36 * 3600);

    assert_eq!(world.run(&deletes()).await.numbers(), "removed 1");
    assert_eq!(world.keys().await, [kept.as_str()]);
    // The removal is recorded. In a versioned bucket a second DELETE would add a delete marker.
    assert_eq!(world.run(&deletes()).await.numbers(), "");
    age(&world, -60).await;
    assert_eq!(world.run(&deletes()).await.numbers(), "");
    assert_eq!(world.rows("s3_files").await.len(), 2);
    age(&world, 60).await;
    assert_eq!(world.run(&deletes()).await.numbers(), "purged 1");
    assert_eq!(world.rows("s3_files").await.len(), 1);
    world.check().await;
}

#[tokio::test]
async fn an_upload_after_the_delete_stays_deleted() {
    let world = World::new().await;
    let key = world.file("alice").await;
    world.delete(&key).await;
    assert_eq!(world.run(&deletes()).await.numbers(), "removed 1");

    // Upload through a URL that is still valid. The event is lost, and the sweep finds the object.
    world.put(&key, "again", b"again").await;
    assert_eq!(
        world.run(&reconcile()).await.numbers(),
        "objects 1, removed 1, rows 1"
    );
    assert!(world.keys().await.is_empty());
    // The same upload, but the event arrives.
    world.put(&key, "again", b"again").await;
    let outcome = world.recorder().await.record(&key).await.unwrap();
    assert_eq!(outcome, Outcome::Deleted);
    assert!(world.keys().await.is_empty());
    // A PUT that ends after the purge age: the tombstone stays until HEAD returns 404.
    world.put(&key, "again", b"again").await;
    age(&world, 60).await;
    assert_eq!(world.run(&deletes()).await.numbers(), "removed 1");
    assert_eq!(world.rows("s3_files").await.len(), 1);
    assert_eq!(world.run(&deletes()).await.numbers(), "purged 1");
    assert!(world.rows("s3_files").await.is_empty() && world.live().await.is_empty());
    world.check().await;
}

#[tokio::test]
async fn a_tombstone_waits_for_an_open_multipart_upload() {
    let world = World::new().await;
    let key = world.file("alice").await;
    world.delete(&key).await;
    age(&world, 60).await;
    let (id, text) = (key.id(), key.as_str());
    world
        .sql(&format!(
            "INSERT INTO multipart_uploads (id, user_id, object_key, upload_id, file_name, content_type, size, part_size)
             VALUES ('{id}', 'alice', '{text}', 'u', 'a', 'text/plain', 1, 1)"
        ))
        .await;
    assert_eq!(world.run(&deletes()).await.numbers(), "removed 1");
    assert_eq!(world.rows("s3_files").await.len(), 1);
    world.sql("DELETE FROM multipart_uploads").await;
    assert_eq!(world.run(&deletes()).await.numbers(), "purged 1");
}

#[tokio::test]
async fn thousands_go_by_the_thousand() {
    let world = World::new().await;
    let key = world.file("alice").await;
    world
        .sql(&format!(
            "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp, deleted_at)
             SELECT n.id, 'bob/' || n.id || '/a', 'uploads', 'u', 'bob', 'a', 'text/plain', 1, 'e', now(), '2026-01-01'
             FROM (SELECT ('01890a5d-ac96-774b-bcce-' || lpad(n::text, 12, '0'))::uuid AS id FROM generate_series(1, 2500) AS n) AS n;
             UPDATE s3_files SET deleted_at = now() WHERE id = '{}'",
            key.id()
        ))
        .await;
    // All have the same `deleted_at`, as after one batch delete, so pages are ordered by id.
    let ran = world.run(&deletes()).await;
    assert_eq!(ran.numbers(), "purged 2500, removed 2501");
    assert!(world.keys().await.is_empty());
    assert_eq!(world.rows("s3_files").await.len(), 1);
}
