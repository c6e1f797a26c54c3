//! An erasure deletes all files of one user, and no files of other users.

use serde_json::json;
use slipway_core::UserId;
use slipway_maintain::{Deadline, Report};

use crate::world::{Ran, World, deletes, key};

async fn erase(world: &World, user: &str, apply: bool) -> Ran {
    let (user, report) = (UserId::parse(user).unwrap(), Report::default());
    let maintain = world.maintain(&[]).await;
    let summary = maintain.erase(&user, apply, Deadline::NEVER, &report).await;
    assert!(summary.is_ok() && summary.finished, "{summary:?}");
    Ran { summary, report }
}

#[tokio::test]
async fn nothing_of_the_user_is_left() {
    let world = World::new().await;
    // Neighbours in key order, and a user whose sub has the same prefix.
    let mut kept = Vec::new();
    for other in ["alicf", "alice2", "alice-", "alic", "Alice"] {
        kept.push(world.file(other).await.as_str().to_owned());
    }
    kept.sort();
    for _ in 0..3 {
        world.file("alice").await;
    }
    let deleted = world.file("alice").await;
    world.delete(&deleted).await;
    world.object("alice").await;
    let lost = world.file("alice").await;
    world.remove_object(lost.as_str()).await;

    let shown = erase(&world, "alice", false).await;
    assert_eq!(shown.numbers(), "erased 5");
    assert_eq!(world.keys().await.len(), 5 + 5, "nothing was done");

    assert_eq!(
        erase(&world, "alice", true).await.numbers(),
        "erased 5, removed 5"
    );
    assert_eq!(world.keys().await, kept);
    assert_eq!(world.live().await, kept);
    world.check().await;

    // Tombstones remain while an upload URL may be valid. A second run drops the user's usage.
    world.sql("UPDATE s3_files SET deleted_at = now() - interval '37 hours' WHERE deleted_at IS NOT NULL").await;
    world.run(&deletes()).await;
    assert_eq!(erase(&world, "alice", true).await.numbers(), "");
    for table in ["s3_files", "user_usage", "multipart_uploads"] {
        let rows = world.rows(table).await.join("\n");
        assert!(!rows.contains("\"alice\""), "{table}: {rows}");
    }
}

/// A misspelled `sub` must not look like a completed erasure.
#[tokio::test]
async fn a_user_of_whom_there_is_nothing_is_an_error() {
    let world = World::new().await;
    world.file("auth0|5f7c").await;
    let maintain = world.maintain(&[]).await;
    for (sub, meant) in [
        ("auth0|5f7d", None),
        ("auth0~7C5f7c", Some("auth0|5f7c")),
        ("-dash", None),
    ] {
        for apply in [false, true] {
            let (user, report) = (UserId::parse(sub).unwrap(), Report::default());
            let summary = maintain.erase(&user, apply, Deadline::NEVER, &report).await;
            assert!(!summary.is_ok() && !summary.finished, "{summary:?}");
            let said = summary.stopped.unwrap();
            assert!(said.contains("no file") && said.contains(sub), "{said}");
            assert_eq!(said.contains("auth0|5f7c"), meant.is_some(), "{said}");
        }
    }
    assert_eq!(world.live().await.len(), 1);
}

#[tokio::test]
async fn open_uploads_go_with_the_user() {
    let world = World::new().await;
    let bobs = world.begin(&key("bob", "b"), "1 minute").await;
    for with_row in [true, false] {
        let id = world.begin(&key("alice", "a"), "1 minute").await;
        if !with_row {
            world
                .sql(&format!(
                    "DELETE FROM multipart_uploads WHERE upload_id = '{id}'"
                ))
                .await;
        }
    }
    assert_eq!(erase(&world, "alice", false).await.numbers(), "aborted 2");
    let done = erase(&world, "alice", true).await;
    assert_eq!(done.numbers(), "aborted 2, closed 1");
    assert_eq!(world.s3_uploads().await, [bobs]);
    assert_eq!(world.rows("multipart_uploads").await.len(), 1);
}

#[tokio::test]
async fn an_upload_that_ends_after_it_is_found_by_the_next_run() {
    let world = World::new().await;
    let late = key("alice", "late.txt");
    world.file("alice").await;
    assert_eq!(
        erase(&world, "alice", true).await.numbers(),
        "erased 1, removed 1"
    );
    world.put(&late, "late.txt", b"late").await;
    assert_eq!(
        erase(&world, "alice", true).await.numbers(),
        "erased 1, removed 1"
    );
    // Another upload through the same URL: the tombstone is still there.
    world.put(&late, "late.txt", b"late").await;
    assert_eq!(erase(&world, "alice", true).await.numbers(), "");
    assert!(world.keys().await.is_empty());
}

#[tokio::test]
async fn the_lambda_erases_too() {
    let world = World::new().await;
    world.file("alice").await;
    let bob = world.file("bob").await;
    let maintain = world.maintain(&[]).await;
    let ask = |payload| {
        maintain.handle(lambda_runtime::LambdaEvent::new(
            payload,
            lambda_runtime::Context::default(),
        ))
    };
    let shown = ask(json!({ "erase": "alice", "dryRun": true }))
        .await
        .unwrap();
    assert_eq!(
        (&shown["erased"], &shown["applied"]),
        (&json!(1), &json!(false))
    );
    let done = ask(json!({ "erase": "alice" })).await.unwrap();
    assert_eq!((&done["erased"], &done["removed"]), (&json!(1), &json!(1)));
    assert_eq!(world.keys().await, [bob.as_str()]);
    ask(json!({ "erase": "" })).await.unwrap_err();
}
