//! `DELETE /files/{id}` and `POST /files/delete`: a file is hidden at once, its object is deleted,
//! and it cannot come back.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::{HttpProxy, token};
use uuid::Uuid;

use crate::world::{Events, World, put};

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().unwrap()
}

#[tokio::test]
async fn a_file_is_deleted_once() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let other = world.upload("alice", "b.txt", "text/plain", b"other").await;
    assert_json_snapshot!(world.delete("alice", id(&file)).await.expect(200), @r#"
    {
      "success": true
    }
    "#);
    assert_eq!(world.object(key(&file)).await, None);
    assert!(world.is_tombstone(id(&file)).await);
    assert_eq!(world.usage("alice").await, (1, 5));
    let left = world.list("alice").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], other["id"]);
    let one = world.get("alice", &format!("/files/{}", id(&file))).await;
    one.refused(404, "not_found");
    for _ in 0..2 {
        world
            .delete("alice", id(&file))
            .await
            .refused(404, "not_found");
    }
    assert_eq!(world.usage("alice").await, (1, 5));
    assert_eq!(world.read(&file["url"]).await.status(), 404);
}

#[tokio::test]
async fn a_batch_reports_deleted_and_missing_files() {
    let world = World::new().await;
    let mut mine = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        mine.push(world.upload("alice", name, "text/plain", b"hello").await);
    }
    let bobs = world.upload("bob", "b.txt", "text/plain", b"hello").await;
    world.delete("alice", id(&mine[2])).await.expect(200);
    let unknown = Uuid::now_v7().to_string();
    let ids = json!([
        id(&mine[1]),
        id(&bobs),
        unknown,
        "not an id",
        "",
        "a\0b",
        id(&mine[0]).to_uppercase(),
        id(&mine[2]),
        id(&mine[0]),
        id(&mine[1]),
        unknown,
    ]);
    let done = world
        .post("alice", "/files/delete", json!({ "ids": ids }))
        .await
        .expect(200);
    // In the order of the request, without duplicates.
    assert_eq!(done["deleted"], json!([id(&mine[1]), id(&mine[0])]));
    let missing = json!([
        id(&bobs),
        unknown,
        "not an id",
        "",
        "a\0b",
        id(&mine[0]).to_uppercase(),
        id(&mine[2]),
    ]);
    assert_eq!(done["missing"], missing);
    for file in &mine {
        assert_eq!(world.object(key(file)).await, None);
        assert!(world.is_tombstone(id(file)).await);
    }
    assert_eq!(world.usage("alice").await, (0, 0));
    assert_eq!(world.usage("bob").await, (1, 5));
    assert!(world.object(key(&bobs)).await.is_some());
    let again = world
        .post("alice", "/files/delete", json!({ "ids": [id(&mine[0])] }))
        .await;
    assert_eq!(again.expect(200)["missing"], json!([id(&mine[0])]));
}

#[tokio::test]
async fn a_batch_has_one_to_a_thousand_ids() {
    let world = World::new().await;
    let ids = |count: usize| json!({ "ids": (0..count).map(|_| Uuid::now_v7().to_string()).collect::<Vec<_>>() });
    for count in [1, 1000] {
        let done = world
            .post("alice", "/files/delete", ids(count))
            .await
            .expect(200);
        assert_eq!(done["missing"].as_array().unwrap().len(), count);
    }
    for count in [0, 1001] {
        world
            .post("alice", "/files/delete", ids(count))
            .await
            .refused(400, "invalid_request");
    }
    for body in [
        "",
        "null",
        "{}",
        "[]",
        "[[\"a\"]]",
        "{\"ids\": null}",
        "{\"ids\": \"a\"}",
        "{\"ids\": [5]}",
        "{\"ids\": [null]}",
        "{\"ids\": [[]]}",
        "{\"ids\": {}}",
        "{\"id\": \"a\"}",
        "{\"ids\": [\"a\"]",
    ] {
        let event = GatewayEvent::new("POST", "/files/delete")
            .bearer(&token("alice"))
            .text(body);
        let answer = world.send(event).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_request"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_thousand_files_are_deleted_in_one_request() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
        ids.push(id(&file).to_owned());
    }
    ids.extend((0..998).map(|_| Uuid::now_v7().to_string()));
    let done = world
        .post("alice", "/files/delete", json!({ "ids": ids }))
        .await
        .expect(200);
    assert_eq!(done["deleted"], json!(ids[..2]));
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_valid_upload_url_cannot_restore_a_deleted_file() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    world.delete("alice", id(&file)).await.expect(200);
    world.notifications().await;
    // Recorded by the client's call and by the event.
    assert_eq!(put(&presigned, b"again").await.status(), 200);
    world
        .save("alice", &presigned)
        .await
        .refused(410, "file_deleted");
    assert_eq!(world.object(key(&file)).await, None);
    world
        .save("alice", &presigned)
        .await
        .refused(410, "file_deleted");
    world.notifications().await;
    assert_eq!(put(&presigned, b"again").await.status(), 200);
    let reports = world.deliver_events(Events::Doubled).await;
    assert_eq!(
        (&reports[0]["deleted"], &reports[1]["missing"]),
        (&json!(1), &json!(1))
    );
    assert!(world.is_empty().await);
    // The event of its removal does not remove the tombstone either.
    world.deliver_events(Events::Once).await;
    assert!(world.is_tombstone(id(&file)).await);
    assert!(world.list("alice").await.is_empty());
    assert_eq!(world.usage("alice").await, (0, 0));
}

#[tokio::test]
async fn a_file_is_hidden_even_if_s3_does_not_respond() {
    let world = World::new().await;
    let proxy = HttpProxy::before(&world.endpoint()).await;
    proxy.close_on("HTTP/1.1");
    let app = world.app(&[("S3_ENDPOINT", &proxy.endpoint())]);
    let one = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let two = world.upload("alice", "b.txt", "text/plain", b"hello").await;
    app.delete("alice", id(&one)).await.expect(200);
    let done = app
        .post("alice", "/files/delete", json!({ "ids": [id(&two)] }))
        .await;
    assert_eq!(done.expect(200)["deleted"], json!([id(&two)]));
    assert!(world.list("alice").await.is_empty());
    assert_eq!(world.usage("alice").await, (0, 0));
    for file in [one, two] {
        // `maintain` deletes the object later.
        assert!(world.object(key(&file)).await.is_some());
        assert!(world.is_tombstone(id(&file)).await);
        world
            .save("alice", &file)
            .await
            .refused(410, "file_deleted");
        assert_eq!(world.object(key(&file)).await, None);
    }
}
