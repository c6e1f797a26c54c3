//! The recovery procedures of `docs/operate.md`.

use slipway_core::ObjectKey;

use crate::world::{World, deletes, reconcile};

/// Saves every row, to restore it later.
async fn dump(world: &World) {
    world
        .sql("CREATE TABLE dump_files AS TABLE s3_files; CREATE TABLE dump_usage AS TABLE user_usage")
        .await;
}

async fn restore(world: &World) {
    world
        .sql(
            "TRUNCATE s3_files, user_usage;
             INSERT INTO s3_files SELECT * FROM dump_files;
             INSERT INTO user_usage SELECT * FROM dump_usage",
        )
        .await;
}

fn sorted(keys: &[&ObjectKey]) -> Vec<String> {
    let mut keys: Vec<String> = keys.iter().map(|key| key.as_str().to_owned()).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn a_database_that_was_restored_to_an_earlier_moment() {
    let world = World::new().await;
    let (kept, deleted) = (world.file("alice").await, world.file("alice").await);
    dump(&world).await;
    let later = world.file("bob").await;
    world.delete(&deleted).await;
    world.run(&deletes()).await;
    assert_eq!(world.live().await, sorted(&[&kept, &later]));

    restore(&world).await;
    assert_eq!(world.live().await, sorted(&[&kept, &deleted]));
    let ran = world.run(&reconcile()).await;
    assert_eq!(ran.numbers(), "forgotten 1, objects 2, recorded 1, rows 2");
    assert_eq!(world.live().await, sorted(&[&kept, &later]));
    world.check().await;
}

#[tokio::test]
async fn a_bucket_that_was_restored_to_an_earlier_moment() {
    let world = World::new().await;
    let (kept, lately, long_ago) = (
        world.file("alice").await,
        world.file("alice").await,
        world.file("alice").await,
    );
    for key in [&lately, &long_ago] {
        world.delete(key).await;
    }
    world.run(&deletes()).await;
    // The tombstone of this file has been purged.
    let purge = format!("DELETE FROM s3_files WHERE id = '{}'", long_ago.id());
    world.sql(&purge).await;
    let after = world.file("alice").await;

    // Both files exist again, and the later one does not.
    world.put(&lately, "lately", b"lately").await;
    world.put(&long_ago, "long ago", b"long ago").await;
    world.remove_object(after.as_str()).await;
    let ran = world.run(&reconcile()).await;
    assert!(ran.summary.is_ok() && ran.summary.finished);
    // A delete is effective while its tombstone exists.
    assert_eq!(world.live().await, sorted(&[&kept, &long_ago]));
    world.check().await;
}

#[tokio::test]
async fn a_queue_that_was_dropped() {
    let world = World::new().await;
    // No client confirmed these uploads, and their events are lost.
    for _ in 0..20 {
        world.object("alice").await;
    }
    let ran = world.run(&reconcile()).await;
    assert_eq!(ran.numbers(), "objects 20, recorded 20");
    world.check().await;
}
