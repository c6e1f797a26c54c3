//! Which runs of maintenance the application's webhook is told of.

use slipway_core::UserId;
use slipway_maintain::{Deadline, Maintain, Options, Report};

use crate::world::{World, deletes, rebuild, reconcile};

/// Runs with webhooks on.
async fn run(world: &World, options: &Options) {
    let maintain: Maintain = world.maintain(&[("WEBHOOKS", "true")]).await;
    let report = Report::default();
    let summary = maintain.run(options, Deadline::NEVER, &report).await;
    assert!(summary.is_ok() && summary.finished, "{summary:?}");
}

/// The types of the events and the keys of their files.
async fn events(world: &World) -> Vec<(String, String)> {
    let admin = world.database.admin().await;
    let sql = "SELECT type, object_key FROM webhook_events ORDER BY object_key, id";
    let rows = admin.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_reconciliation_tells_of_files_that_it_records_and_drops() {
    let world = World::new().await;
    let kept = world.file("alice").await;
    let unrecorded = world.object("bob").await;
    let lost = world.file("carol").await;
    world.remove_object(lost.as_str()).await;
    let moved = world.file("dave").await;
    let elsewhere =
        "UPDATE s3_files SET file_url = 'https://elsewhere.example/a' WHERE user_id = 'dave'";
    world.sql(elsewhere).await;
    for _ in 0..2 {
        run(
            &world,
            &Options {
                force: true,
                ..reconcile()
            },
        )
        .await;
    }
    let told = |kind: &str, key: &str| (kind.to_owned(), key.to_owned());
    let expected = [
        told("file.recorded", unrecorded.as_str()),
        told("file.deleted", lost.as_str()),
    ];
    assert_eq!(events(&world).await, expected);
    assert_eq!(world.live().await.len(), 3, "{kept:?} {moved:?}");
}

#[tokio::test]
async fn a_rebuild_and_an_erasure_tell_nothing() {
    let world = World::new().await;
    for user in ["alice", "alice", "bob"] {
        world.object(user).await;
    }
    run(&world, &rebuild()).await;
    assert_eq!(world.live().await.len(), 3);
    world.object("alice").await;
    let alice = UserId::parse("alice").unwrap();
    // Of an earlier change. It is about the user, so it must go as well.
    let earlier = "INSERT INTO webhook_events (id, user_id, type, file_id, object_key, file_name, content_type, size,
            etag, metadata, upload_timestamp)
        SELECT gen_random_uuid(), user_id, 'file.recorded', id, object_key, file_name, content_type, size, etag, metadata,
            upload_timestamp FROM s3_files";
    world.sql(earlier).await;
    let maintain = world.maintain(&[("WEBHOOKS", "true")]).await;
    let report = Report::default();
    let erased = maintain.erase(&alice, true, Deadline::NEVER, &report).await;
    assert!(erased.is_ok() && erased.finished, "{erased:?}");
    assert_eq!(world.live().await.len(), 1);
    let left = events(&world).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].1.starts_with("bob/"), "{left:?}");
    run(&world, &deletes()).await;
    assert_eq!(events(&world).await, left);
}
