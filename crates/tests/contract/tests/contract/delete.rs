//! `DELETE /files/{id}`, `POST /files/delete`: hidden at once, removed, and gone for good.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::event::Event;
use crate::gate::Gate;
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
async fn a_batch_tells_what_it_deleted_and_what_was_not_there() {
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
    // In the order of the request, each once.
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
        let event = Event::new("POST", "/files/delete").by("alice").text(body);
        let answer = world.send(event).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_request"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_thousand_files_go_at_once() {
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
async fn a_live_url_cannot_bring_a_file_back() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    world.delete("alice", id(&file)).await.expect(200);
    world.told().await;
    // By the client's call, and by the event.
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
    world.told().await;
    assert_eq!(put(&presigned, b"again").await.status(), 200);
    let reports = world.deliver_events(Events::Doubled).await;
    assert_eq!(
        (&reports[0]["deleted"], &reports[1]["missing"]),
        (&json!(1), &json!(1))
    );
    assert!(world.is_empty().await);
    // Nor does the news of its removal lift the tombstone.
    world.deliver_events(Events::Once).await;
    assert!(world.is_tombstone(id(&file)).await);
    assert!(world.list("alice").await.is_empty());
    assert_eq!(world.usage("alice").await, (0, 0));
}

#[tokio::test]
async fn a_file_is_hidden_even_if_s3_does_not_answer() {
    let world = World::new().await;
    let gate = Gate::before(&world.endpoint()).await;
    gate.shut_for("HTTP/1.1");
    let app = world.app(&[("S3_ENDPOINT", &gate.endpoint())]);
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
        // For maintain to finish.
        assert!(world.object(key(&file)).await.is_some());
        assert!(world.is_tombstone(id(&file)).await);
        world
            .save("alice", &file)
            .await
            .refused(410, "file_deleted");
        assert_eq!(world.object(key(&file)).await, None);
    }
}
