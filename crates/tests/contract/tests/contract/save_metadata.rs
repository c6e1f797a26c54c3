//! `POST /save-metadata`: records what S3 reports.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;

use crate::shape::shape;
use crate::world::{World, put};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn later_calls_return_the_same_as_the_first() {
    let world = World::with(&[("READ_URL_SECONDS", "43200")]).await;
    let presigned = world
        .put_new("alice", "a b.txt", "text/plain", b"hello")
        .await;
    let first = world.save("alice", &presigned).await.expect(201);
    assert_json_snapshot!(shape(&first), @r#"
    {
      "file": {
        "checksumCrc64nvme": "M3eFcAZSQlc=",
        "checksumSha256": null,
        "contentType": "text/plain",
        "etag": "5d41402abc4b2a76b9719d911017c592",
        "fileName": "a b.txt",
        "id": "[id]",
        "metadata": {},
        "objectKey": "alice/[id]/a-b.txt",
        "previewUrl": null,
        "rule": null,
        "size": 5,
        "uploadedAt": "[time]",
        "url": "http://s3/slipway-local/alice/[id]/a-b.txt?x-id=GetObject&response-cache-control=private%2C%20max-age%3D21600&response-content-disposition=inline&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=[…]&X-Amz-Date=[…]&X-Amz-Expires=43200&X-Amz-SignedHeaders=host&X-Amz-Signature=[…]",
        "urlExpiresAt": "[time]"
      },
      "success": true
    }
    "#);
    assert_eq!(first["file"]["id"], presigned["id"]);
    assert_eq!(first["file"]["objectKey"], presigned["objectKey"]);
    for _ in 0..2 {
        assert_eq!(world.save("alice", &presigned).await.expect(200), first);
    }
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn queries_of_the_tutorials_work_on_the_table() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let sql = "SELECT to_jsonb(f) FROM (SELECT id, object_key, file_url, user_id, upload_timestamp \
               FROM s3_files WHERE user_id = 'alice') f";
    let row: Value = world.sql().await.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(row["id"], file["id"]);
    assert_eq!(row["object_key"], file["objectKey"]);
    assert_eq!(row["user_id"], "alice");
    let key = file["objectKey"].as_str().unwrap();
    let url = format!("{}/slipway-local/{key}", world.endpoint());
    assert_eq!(row["file_url"], url);
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
    let world = World::new().await;
    let key = format!("alice/{ID}/a.txt");
    for body in [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        "not JSON".to_owned(),
        format!("\"{key}\""),
        format!("[\"{key}\"]"),
        format!("{{\"objectkey\": \"{key}\"}}"),
        format!("{{\"objectKey\": \"{key}\""),
        "{\"objectKey\": null}".to_owned(),
        "{\"objectKey\": 5}".to_owned(),
        format!("{{\"objectKey\": [\"{key}\"]}}"),
        "{\"objectKey\": \"\\ud800\"}".to_owned(),
    ] {
        let event = GatewayEvent::new("POST", "/save-metadata")
            .bearer(&token("alice"))
            .text(&body);
        let answer = world.send(event).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_request"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn foreign_keys_are_refused() {
    let world = World::new().await;
    let long = "a".repeat(65);
    for key in [
        String::new(),
        "/".to_owned(),
        "alice".to_owned(),
        format!("alice/{ID}"),
        format!("alice/{ID}/"),
        format!("alice/{ID}/."),
        format!("alice/{ID}/.."),
        format!("alice/{ID}/a/b"),
        format!("alice/{ID}/a.txt/"),
        format!("/alice/{ID}/a.txt"),
        format!("alice//{ID}/a.txt"),
        format!("./alice/{ID}/a.txt"),
        format!("alice/../alice/{ID}/a.txt"),
        format!("alice/{}/a.txt", ID.to_uppercase()),
        format!("alice/{}/a.txt", ID.replace('-', "")),
        format!("alice/{}/a.txt", ID.replace("-7", "-4")),
        format!("alice/{ID}/a b.txt"),
        format!("alice/{ID}/ü.txt"),
        format!("alice/{ID}/a.txt\n"),
        format!("alice/{ID}/a\0.txt"),
        format!("alice/{ID}/{long}"),
        format!("alice%2F{ID}%2Fa.txt"),
        format!("%61lice/{ID}/a.txt"),
        format!("~61lice/{ID}/a.txt"),
        format!("al~c3~bcice/{ID}/a.txt"),
        format!("s3://slipway-local/alice/{ID}/a.txt"),
        "x".repeat(100_000),
    ] {
        let answer = world
            .post("alice", "/save-metadata", json!({ "objectKey": key }))
            .await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_key"),
            "{key:?}"
        );
    }
}

#[tokio::test]
async fn the_messages_of_refusals() {
    let world = World::with(&[("MAX_UPLOAD_BYTES", "5")]).await;
    let file = world.upload("bob", "a.txt", "text/plain", b"hello").await;
    world.save("alice", &file).await.refused(403, "forbidden");
    // The response is the same whether or not the object exists.
    let other = json!({ "objectKey": format!("bob/{ID}/a.txt") });
    world.save("alice", &other).await.refused(403, "forbidden");

    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    let missing = world.save("alice", &presigned).await;
    assert_json_snapshot!(missing.json, @r#"
    {
      "code": "upload_not_found",
      "error": "There is no upload under this objectKey yet. PUT the file to its presignedUrl first.",
      "success": false
    }
    "#);
    missing.refused(409, "upload_not_found");

    // A refusal is not final: the object may still be uploaded.
    assert_eq!(put(&presigned, b"hello").await.status(), 200);
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    world
        .delete("alice", file["id"].as_str().unwrap())
        .await
        .expect(200);
    let deleted = world.save("alice", &presigned).await;
    assert_json_snapshot!(deleted.json, @r#"
    {
      "code": "file_deleted",
      "error": "This file was deleted. Presign again to upload it anew.",
      "success": false
    }
    "#);
    deleted.refused(410, "file_deleted");
}

#[tokio::test]
async fn an_object_over_the_limit_is_refused_and_removed() {
    let world = World::with(&[("MAX_UPLOAD_BYTES", "4")]).await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let refused = world.save("alice", &presigned).await;
    assert_json_snapshot!(refused.json, @r#"
    {
      "code": "file_too_large",
      "error": "The file has 5 bytes; at most 4 are accepted here.",
      "success": false
    }
    "#);
    refused.refused(413, "file_too_large");
    assert!(world.is_empty().await);
    // A client that lost the response sends the request again.
    let again = world.save("alice", &presigned).await;
    assert_json_snapshot!(again.json, @r#"
    {
      "code": "file_too_large",
      "error": "The file was larger than is accepted here, and was removed. Presign again for a smaller one.",
      "success": false
    }
    "#);
    again.refused(413, "file_too_large");
    assert_eq!(world.usage("alice").await, (0, 0));
    assert!(world.list("alice").await.is_empty());
    let id = presigned["id"].as_str().unwrap();
    world
        .get("alice", &format!("/files/{id}"))
        .await
        .refused(404, "not_found");
    assert!(world.is_tombstone(id).await);
    // The tombstone stays, whatever is uploaded through the URL.
    assert_eq!(put(&presigned, b"fits").await.status(), 200);
    world
        .save("alice", &presigned)
        .await
        .refused(413, "file_too_large");
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn no_property_is_taken_from_the_client() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let urls = [
        json!("https://evil.test/x"),
        json!(null),
        json!(5),
        json!({ "a": [] }),
        json!("x".repeat(100_000)),
    ];
    for (at, url) in urls.into_iter().enumerate() {
        let claims = json!({
            "objectKey": presigned["objectKey"], "publicFileUrl": url, "userId": "bob",
            "fileName": "b.html", "contentType": "text/html", "size": 1, "etag": "x",
            "checksumSha256": "x", "uploadedAt": "1970-01-01T00:00:00Z", "id": ID,
        });
        let answer = world.post("alice", "/save-metadata", claims).await;
        let file = answer.expect(if at == 0 { 201 } else { 200 })["file"].clone();
        assert_eq!(file["id"], presigned["id"]);
        assert_eq!(file["fileName"], "a.txt");
        assert_eq!(file["contentType"], "text/plain");
        assert_eq!(file["size"], 5);
        let row = world.row(presigned["id"].as_str().unwrap()).await.unwrap();
        assert_eq!(row["file_url"], presigned["publicFileUrl"]);
        assert_eq!(row["user_id"], "alice");
    }
}

#[tokio::test]
async fn an_object_uploaded_by_other_means_has_the_properties_of_s3() {
    let world = World::new().await;
    let key = format!("alice/{ID}/photo.jpg");
    world.put_object(&key, "image/jpeg", b"hello").await;
    let saved = world
        .save("alice", &json!({ "objectKey": key }))
        .await
        .expect(201);
    assert_eq!(saved["file"]["fileName"], "photo.jpg");
    assert_eq!(saved["file"]["contentType"], "image/jpeg");
    // The id belongs to its file. Another key with the same id is refused.
    let twin = format!("alice/{ID}/other.jpg");
    world.put_object(&twin, "image/jpeg", b"other").await;
    let answer = world.save("alice", &json!({ "objectKey": twin })).await;
    answer.refused(400, "invalid_key");
    assert_eq!(world.list("alice").await.len(), 1);
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn an_overwrite_is_recorded_by_the_next_call() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    world.save("alice", &presigned).await.expect(201);
    for bytes in [&b"longer than before"[..], b"", b"hello"] {
        assert_eq!(put(&presigned, bytes).await.status(), 200);
        let file = world.save("alice", &presigned).await.expect(200)["file"].clone();
        assert_eq!(file["size"], bytes.len());
        let size = u64::try_from(bytes.len()).unwrap();
        assert_eq!(world.usage("alice").await, (1, size));
        let read = world.read(&file["url"]).await.bytes().await.unwrap();
        assert_eq!(read, bytes);
    }
}
