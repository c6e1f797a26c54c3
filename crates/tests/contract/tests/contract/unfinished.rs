//! Unfinished multipart uploads: their limit for each user, and their part in the quota.

use futures_util::future::join_all;
use serde_json::{Value, json};
use slipway_core::{FileId, ObjectKey};

use crate::world::{Events, MIB, World};

/// `count` open uploads of `user` with one byte each, which do not exist in S3.
pub(crate) async fn add_open(world: &World, user: &str, count: usize) {
    let ids: Vec<uuid::Uuid> = (0..count).map(|_| FileId::new().uuid()).collect();
    let sql = "INSERT INTO multipart_uploads
            (id, user_id, object_key, upload_id, file_name, content_type, size, part_size)
        SELECT id, $1, $1 || '/' || id || '/a', 'none', 'a', 'a/b', 1, 5242880 FROM unnest($2::uuid[]) AS id";
    world
        .sql()
        .await
        .execute(sql, &[&user, &ids])
        .await
        .unwrap();
}

fn ask(size: usize) -> Value {
    json!({ "fileName": "a.bin", "contentType": "application/octet-stream", "size": size })
}

#[tokio::test]
async fn a_thousand_may_be_open() {
    let world = World::new().await;
    add_open(&world, "alice", 998).await;
    let finished = world.uploaded("alice", b"hello").await;
    let begun = world.begin("alice", 1).await;
    let one_more = async || {
        let answer = world.post("alice", "/multipart-uploads", ask(1)).await;
        let error = answer.refused(429, "too_many_uploads");
        assert!(error.contains("1000"), "{error}");
    };
    one_more().await;
    // S3 does not keep the refused upload, and the others are unchanged.
    assert_eq!(world.s3_uploads().await.len(), 2);
    assert_eq!(world.upload_rows().await.len(), 1000);
    // The limit is a thousand for each user, and single PUTs are not limited.
    world.begin("bob", 1).await;
    world
        .presign("alice", json!({ "fileName": "a", "contentType": "a/b" }))
        .await;

    // An aborted upload does not count, although its row exists for a while.
    world.abort("alice", &begun).await.expect(200);
    world.begin("alice", 1).await;
    one_more().await;
    // A recorded upload does not count, also if an event recorded it and its row still exists.
    world.complete("alice", &finished).await.expect(201);
    let begun = world.begin("alice", 1).await;
    one_more().await;
    world.notifications().await;
    let recorded = begun["objectKey"].as_str().unwrap();
    world
        .put_object(recorded, "application/octet-stream", b"x")
        .await;
    world.deliver_events(Events::Once).await;
    world.begin("alice", 1).await;
    one_more().await;
    // Nor does an upload whose file was deleted.
    world
        .delete("alice", begun["id"].as_str().unwrap())
        .await
        .expect(200);
    one_more().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_is_exact_under_concurrency() {
    let world = World::new().await;
    add_open(&world, "alice", 995).await;
    // Each request has functions and connections of its own.
    let begins = (0..12).map(|_| {
        let app = world.app(&[]);
        async move { app.post("alice", "/multipart-uploads", ask(1)).await.status }
    });
    let mut statuses = join_all(begins).await;
    statuses.sort_unstable();
    let expected = [[201; 5].as_slice(), [429; 7].as_slice()].concat();
    assert_eq!(statuses, expected);
    assert_eq!(world.upload_rows().await.len(), 1000);
    assert_eq!(world.s3_uploads().await.len(), 5);
}

#[tokio::test]
async fn they_count_against_the_quota_at_their_declared_size() {
    let quota = (100 * MIB).to_string();
    let world = World::with(&[("USER_QUOTA_BYTES", &quota)]).await;
    let pending = async || {
        let usage = world.get("alice", "/usage").await.expect(200);
        let number = |name: &str| usize::try_from(usage[name].as_u64().unwrap()).unwrap();
        (number("bytes"), number("pendingBytes"))
    };
    let presigns = async |size: usize| {
        let one = world.post("alice", "/presign-upload", ask(size)).await;
        let files = json!({ "files": [ask(size - 1), ask(1)] });
        let batch = world.post("alice", "/presign-upload", files).await;
        assert_eq!(one.status, batch.status);
        if one.status != 200 {
            one.refused(413, "quota_exceeded");
            batch.refused(413, "quota_exceeded");
            return false;
        }
        true
    };
    assert_eq!(pending().await, (0, 0));
    let first = world.begin("alice", 45 * MIB).await;
    assert_eq!(pending().await, (0, 45 * MIB));
    assert!(presigns(55 * MIB).await);
    assert!(!presigns(55 * MIB + 1).await);
    let refused = world
        .post("alice", "/multipart-uploads", ask(55 * MIB + 1))
        .await;
    let error = refused.refused(413, "quota_exceeded");
    assert!(
        error.contains("nfinished") && error.contains(&(45 * MIB).to_string()),
        "{error}"
    );
    assert_eq!(
        world.s3_uploads().await.len(),
        1,
        "refused before S3 is asked"
    );
    // Exactly the remaining bytes, and then only empty files.
    let second = world.begin("alice", 55 * MIB).await;
    assert_eq!(pending().await, (0, 100 * MIB));
    assert!(!presigns(1).await);
    world
        .presign(
            "alice",
            json!({ "fileName": "a", "contentType": "a/b", "size": 0 }),
        )
        .await;
    world.presign("bob", ask(100 * MIB)).await;

    world.abort("alice", &second).await.expect(200);
    assert_eq!(pending().await, (0, 45 * MIB));
    // A file counts once: as pending until it is recorded, and as stored afterwards.
    let bytes = vec![0; 45 * MIB];
    let parts: Vec<u16> = (1..=9).collect();
    world.put_parts("alice", &first, &bytes, &parts).await;
    assert_eq!(pending().await, (0, 45 * MIB));
    world.complete("alice", &first).await.expect(201);
    assert_eq!(pending().await, (45 * MIB, 0));
    assert!(presigns(55 * MIB).await);
    assert!(!presigns(55 * MIB + 1).await);
}

#[tokio::test]
async fn they_are_shown_without_a_quota_too() {
    let world = World::new().await;
    add_open(&world, "alice", 3).await;
    add_open(&world, "bob", 5).await;
    world.begin("alice", 45 * MIB).await;
    let usage = world.get("alice", "/usage").await.expect(200);
    let expected = json!({
        "success": true, "files": 0, "bytes": 0, "pendingBytes": 45 * MIB + 3, "quotaBytes": null,
    });
    assert_eq!(usage, expected);
    let key = ObjectKey::parse(world.begin("alice", 1).await["objectKey"].as_str().unwrap());
    assert_eq!(key.unwrap().owner().as_str(), "alice");
}
