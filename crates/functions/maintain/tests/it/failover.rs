//! Failover: a deployment switches to a replica of its bucket.

use slipway_maintain::{Options, Task};

use crate::deletes::age;
use crate::world::{World, deletes, key, reconcile, small};

/// Replication keeps Last-Modified, so only bucket and URL of the rows are outdated.
#[tokio::test]
async fn rows_of_the_other_bucket_are_mended_once() {
    let world = World::new().await;
    for _ in 0..20 {
        world.file("alice").await;
    }
    let before = world.rows("s3_files").await;
    for wrong in [
        "bucket = 'before', file_url = replace(file_url, 'uploads', 'before')",
        "file_url = 'https://old.example/' || object_key",
        "size = size + 1",
    ] {
        world.sql(&format!("UPDATE s3_files SET {wrong}")).await;
        world
            .sql("UPDATE user_usage SET bytes = (SELECT sum(size) FROM s3_files)")
            .await;
        let dry = Options {
            apply: false,
            ..reconcile()
        };
        let numbers = "objects 20, refreshed 20, rows 20";
        assert_eq!(world.run(&dry).await.numbers(), numbers, "{wrong}");
        let ran = world.run(&small(reconcile())).await;
        assert_eq!(ran.numbers(), numbers, "{wrong}");
        assert_eq!(world.rows("s3_files").await, before, "{wrong}");
        assert_eq!(
            world.run(&reconcile()).await.numbers(),
            "objects 20, rows 20"
        );
    }
    world.check().await;
}

/// Deletes from before the failover finish. Their tombstones are purged, and with them user ids.
#[tokio::test]
async fn tombstones_of_the_other_bucket_are_finished() {
    let world = World::new().await;
    let all = Options {
        task: Task::All,
        ..reconcile()
    };
    let (there, gone, live) = (
        world.file("alice").await,
        world.file("alice").await,
        world.file("bob").await,
    );
    world.delete(&there).await;
    world.delete(&gone).await;
    world.remove_object(gone.as_str()).await;
    world.sql("UPDATE s3_files SET bucket = 'before'").await;
    age(&world, 60).await;
    // The live rows name another bucket, so this one may be wrong: tombstones are kept.
    assert_eq!(world.run(&deletes()).await.numbers(), "");
    world.run(&all).await;
    assert_eq!(
        world.run(&all).await.numbers(),
        "objects 1, purged 2, removed 1, rows 1"
    );
    assert_eq!(world.rows("s3_files").await.len(), 1);
    assert_eq!(world.keys().await, [live.as_str()]);
    world.check().await;
}

/// Without live rows, no row suggests that this is the wrong bucket.
#[tokio::test]
async fn the_last_users_tombstones_are_finished_as_well() {
    let world = World::new().await;
    let file = world.file("alice").await;
    world.delete(&file).await;
    world.sql("UPDATE s3_files SET bucket = 'before'").await;
    age(&world, 60).await;
    let ran = world.run(&deletes()).await;
    assert_eq!(ran.numbers(), "purged 1, removed 1");
    assert!(world.rows("s3_files").await.is_empty() && world.keys().await.is_empty());
}

/// A live row that names another bucket is never dropped, because its object may exist there.
#[tokio::test]
async fn a_row_whose_object_was_not_copied_is_kept() {
    let world = World::new().await;
    let (copied, left) = (world.file("alice").await, world.file("alice").await);
    world.remove_object(left.as_str()).await;
    world.sql("UPDATE s3_files SET bucket = 'before'").await;
    let force = Options {
        force: true,
        ..reconcile()
    };
    for refreshed in ["refreshed 1, ", ""] {
        assert_eq!(
            world.run(&force).await.numbers(),
            format!("elsewhere 1, objects 1, {refreshed}rows 2")
        );
    }
    let mut live = [copied, left].map(|key| key.as_str().to_owned());
    live.sort();
    assert_eq!(world.live().await, live);
}

/// The record step also compares the file name, not only the ETag and the time.
#[tokio::test]
async fn another_name_for_the_same_bytes_is_recorded() {
    let world = World::new().await;
    world.upload_hours_ago(1);
    let key = key("alice", "a.txt");
    let recorder = world.recorder().await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        // Same ETag within one second, as after CopyObject onto the same key.
        world.put(&key, name, b"the same").await;
        recorder.record(&key).await.unwrap();
        let rows = world.rows("s3_files").await;
        assert!(
            rows[0].contains(&format!("\"file_name\": \"{name}\"")),
            "{rows:?}"
        );
    }
}
