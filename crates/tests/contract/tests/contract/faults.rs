//! Errors of the services that a function uses: the client gets a status to act on and a request
//! id, and no internal detail.

use insta::assert_json_snapshot;
use serde_json::json;
use slipway_testkit::HttpProxy;

use crate::world::{App, World};

/// Sends every request that uses Postgres or S3, and checks status and code.
async fn check(app: &App, key: &str, status: u16, code: &str) {
    let id = key.split('/').nth(1).unwrap();
    for answer in [
        app.get("alice", "/files").await,
        app.get("alice", &format!("/files/{id}")).await,
        app.get("alice", "/usage").await,
        app.delete("alice", id).await,
        app.post("alice", "/files/delete", json!({ "ids": [id] }))
            .await,
        app.save("alice", &json!({ "objectKey": key })).await,
    ] {
        let text = answer.json.to_string();
        for secret in ["postgres", "127.0.0.1", "password", "AKIA", "sql"] {
            assert!(
                !text.to_lowercase().contains(&secret.to_lowercase()),
                "{text}"
            );
        }
        answer.refused(status, code);
    }
}

#[tokio::test]
async fn postgres_is_unavailable() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let key = file["objectKey"].as_str().unwrap();
    // Nothing listens on this port.
    let app = world.app(&[("DATABASE_URL", "postgres://alice:password@127.0.0.1:9/x")]);
    check(&app, key, 503, "unavailable").await;
    assert_json_snapshot!(app.get("alice", "/usage").await.json, @r#"
    {
      "code": "unavailable",
      "error": "A service behind this one is not answering. Try again in a moment.",
      "requestId": "6bc28136-8f1c-4c36-9f3a-2d1f3c5a7e90",
      "success": false
    }
    "#);
    // Presigning sends no request.
    app.presign("alice", json!({ "fileName": "a", "contentType": "a/b" }))
        .await;
}

#[tokio::test]
async fn the_schema_is_missing() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let sql = "DROP TABLE s3_files, user_usage";
    world.sql().await.batch_execute(sql).await.unwrap();
    let key = file["objectKey"].as_str().unwrap();
    check(&world, key, 500, "internal").await;
    assert_json_snapshot!(world.get("alice", "/usage").await.json, @r#"
    {
      "code": "internal",
      "error": "Something went wrong on our side. Give the request id to support.",
      "requestId": "6bc28136-8f1c-4c36-9f3a-2d1f3c5a7e90",
      "success": false
    }
    "#);
}

#[tokio::test]
async fn s3_is_unavailable() {
    let world = World::new().await;
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let proxy = HttpProxy::before(&world.endpoint()).await;
    proxy.close_on("HTTP/1.1");
    let app = world.app(&[("S3_ENDPOINT", &proxy.endpoint())]);
    app.save("alice", &file).await.refused(503, "unavailable");
    proxy.heal();
    app.save("alice", &file).await.expect(201);
}

#[tokio::test]
async fn s3_refuses_the_credentials() {
    let world = World::new().await;
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    // A 403 is an error of the service. It never means that the object does not exist.
    let app = world.app(&[("AWS_SECRET_ACCESS_KEY", "another secret")]);
    app.save("alice", &file).await.refused(500, "internal");
    let event = world.notifications().await.remove(0);
    app.deliver(event).await.unwrap_err();
    assert!(world.list("alice").await.is_empty());
}
