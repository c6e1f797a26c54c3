//! `USER_QUOTA_BYTES`: presign refuses early, and the record step is exact.

use futures_util::future::join_all;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_presign::Presign;

use crate::world::{Events, World, put};

fn ask(size: u64) -> Value {
    json!({ "fileName": "a.txt", "contentType": "text/plain", "size": size })
}

async fn world() -> World {
    World::with(&[("USER_QUOTA_BYTES", "10"), ("MAX_UPLOAD_BYTES", "20")]).await
}

#[tokio::test]
async fn presign_without_a_database_refuses_a_quota() {
    let world = world().await;
    let env: Environment = world.variables("presign").into_iter().collect();
    let error = Presign::from_env(&env).unwrap_err();
    assert!(error.to_string().contains("USER_QUOTA_BYTES"), "{error}");
}

#[tokio::test]
async fn size_is_required() {
    let world = world().await;
    let sizeless = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let error = world
        .post("alice", "/presign-upload", sizeless.clone())
        .await;
    let error = error.refused(400, "invalid_request");
    assert!(error.contains("size"), "{error}");
    let batch = json!({ "files": [ask(1), sizeless] });
    let error = world.post("alice", "/presign-upload", batch).await;
    let error = error.refused(400, "invalid_request");
    assert!(error.starts_with("files[1]: "), "{error}");
}

#[tokio::test]
async fn presign_refuses_early() {
    let world = world().await;
    let check = async |body: Value, expected: (u16, &str)| {
        let answer = world.post("alice", "/presign-upload", body.clone()).await;
        assert_eq!((answer.status, answer.code()), expected, "{body}");
        answer.json
    };
    check(ask(0), (200, "")).await;
    check(ask(10), (200, "")).await;
    let error = check(ask(11), (413, "quota_exceeded")).await;
    assert_json_snapshot!(error, @r#"
    {
      "code": "quota_exceeded",
      "error": "This needs 11 bytes, and 10 of your 10 are left. Delete files first.",
      "success": false
    }
    "#);
    check(ask(21), (413, "file_too_large")).await;
    // The files of a batch count together.
    check(json!({ "files": [ask(5), ask(5)] }), (200, "")).await;
    check(
        json!({ "files": [ask(5), ask(6)] }),
        (413, "quota_exceeded"),
    )
    .await;

    let file = world.upload("alice", "a.txt", "text/plain", b"1234").await;
    check(ask(6), (200, "")).await;
    check(ask(7), (413, "quota_exceeded")).await;
    // Other users have their own quota, and deleted files do not count.
    world.presign("bob", ask(10)).await;
    world
        .delete("alice", file["id"].as_str().unwrap())
        .await
        .expect(200);
    check(ask(10), (200, "")).await;
}

#[tokio::test]
async fn the_record_step_is_exact() {
    let world = world().await;
    let first = world
        .put_new("alice", "a.txt", "text/plain", b"123456")
        .await;
    let second = world
        .put_new("alice", "b.txt", "text/plain", b"12345")
        .await;
    world.save("alice", &first).await.expect(201);
    let refused = world.save("alice", &second).await;
    assert_json_snapshot!(refused.json, @r#"
    {
      "code": "quota_exceeded",
      "error": "The file does not fit into your quota. It was removed; delete files first.",
      "success": false
    }
    "#);
    refused.refused(413, "quota_exceeded");
    world
        .save("alice", &second)
        .await
        .refused(413, "quota_exceeded");
    assert_eq!(
        world.object(second["objectKey"].as_str().unwrap()).await,
        None
    );
    assert!(world.is_tombstone(second["id"].as_str().unwrap()).await);
    assert_eq!(world.usage("alice").await, (1, 6));
    // Exactly the remaining bytes.
    let third = world.put_new("alice", "c.txt", "text/plain", b"1234").await;
    world.save("alice", &third).await.expect(201);
    assert_json_snapshot!(world.get("alice", "/usage").await.expect(200), @r#"
    {
      "bytes": 10,
      "files": 2,
      "pendingBytes": 0,
      "quotaBytes": 10,
      "success": true
    }
    "#);
}

#[tokio::test]
async fn an_event_cannot_exceed_it_either() {
    let world = world().await;
    for name in ["a.txt", "b.txt"] {
        world.put_new("alice", name, "text/plain", b"123456").await;
    }
    let reports = world.deliver_events(Events::Once).await;
    assert_eq!(
        (&reports[0]["recorded"], &reports[1]["refused"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(world.usage("alice").await, (1, 6));
    assert_eq!(world.list("alice").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_exact_under_concurrency() {
    let world = world().await;
    let mut uploads = Vec::new();
    for _ in 0..10 {
        uploads.push(world.put_new("alice", "a.txt", "text/plain", b"123").await);
    }
    // Each request has functions and connections of its own.
    let saves = uploads.iter().map(|upload| {
        let app = world.app(&[]);
        async move { app.save("alice", upload).await.status }
    });
    let mut statuses = join_all(saves).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 201, 413, 413, 413, 413, 413, 413, 413]);
    assert_eq!(world.usage("alice").await, (3, 9));
    assert_eq!(world.list("alice").await.len(), 3);
    let mut objects = 0;
    for upload in &uploads {
        let key = upload["objectKey"].as_str().unwrap();
        objects += u32::from(world.object(key).await.is_some());
    }
    assert_eq!(objects, 3);
}

#[tokio::test]
async fn an_overwrite_that_does_not_fit_is_refused() {
    let world = World::new().await;
    // Presigned without a length, before the quota was set.
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"12345")
        .await;
    let app = world.app(&[("USER_QUOTA_BYTES", "10")]);
    app.save("alice", &presigned).await.expect(201);
    assert_eq!(put(&presigned, b"12345678").await.status(), 200);
    app.save("alice", &presigned).await.expect(200);
    assert_eq!(app.usage("alice").await, (1, 8));
    assert_eq!(put(&presigned, b"12345678901").await.status(), 200);
    app.save("alice", &presigned)
        .await
        .refused(413, "quota_exceeded");
    assert_eq!(app.usage("alice").await, (0, 0));
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn files_can_be_deleted_under_a_lowered_quota() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"12345").await;
    world.upload("alice", "b.txt", "text/plain", b"12345").await;
    let app = world.app(&[("USER_QUOTA_BYTES", "6")]);
    app.post("alice", "/presign-upload", ask(1))
        .await
        .refused(413, "quota_exceeded");
    let usage = app.get("alice", "/usage").await.expect(200);
    assert_eq!(
        (&usage["bytes"], &usage["quotaBytes"]),
        (&json!(10), &json!(6))
    );
    app.delete("alice", file["id"].as_str().unwrap())
        .await
        .expect(200);
    app.presign("alice", ask(1)).await;
    app.upload("alice", "c.txt", "text/plain", b"1").await;
    assert_eq!(app.usage("alice").await, (2, 6));
}

#[tokio::test]
async fn a_quota_of_zero_accepts_empty_files() {
    let world = World::with(&[("USER_QUOTA_BYTES", "0")]).await;
    world
        .post("alice", "/presign-upload", ask(1))
        .await
        .refused(413, "quota_exceeded");
    world.upload("alice", "a.txt", "text/plain", b"").await;
    assert_eq!(world.usage("alice").await, (1, 0));
}
