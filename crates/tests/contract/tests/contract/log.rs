//! The log line of a request, and the metrics in it.

use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use slipway_core::env::Environment;

use crate::world::{REQUEST_ID, TRACE_ID, World, put};

/// The log of the functions on this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Captures the log until the guard is dropped.
    pub(crate) fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let get = |name: &str| (name == "AWS_LAMBDA_FUNCTION_NAME").then(|| "it".to_owned());
        let log = self.clone();
        let subscriber =
            slipway_log::subscriber(&Environment::new(get), move || log.clone()).unwrap();
        tracing::subscriber::set_default(subscriber)
    }

    /// Returns the lines since the last call.
    pub(crate) fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn one(&self) -> Value {
        let mut lines = self.take();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines.remove(0)
    }

    /// The line of the failed request. The log has lines of the S3 server too.
    fn failure(&self) -> Value {
        let lines = self.take().into_iter();
        let mut failed = lines.filter(|line| line["message"] == "failed");
        failed.next().expect("a failure")
    }
}

/// Asserts that `line` has all of `fields`.
#[track_caller]
fn has(line: &Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(line.get(name), Some(value), "{name} in {line}");
    }
}

#[tokio::test]
async fn a_request_is_one_line() {
    let world = World::new().await;
    let log = Log::default();
    let _listening = log.capture();

    let file = world
        .presign(
            "alice",
            json!({ "fileName": "a.txt", "contentType": "text/plain", "size": 5 }),
        )
        .await;
    let line = log.one();
    has(
        &line,
        &json!({
            "requestId": REQUEST_ID, "traceId": TRACE_ID, "route": "POST /presign-upload", "status": 200, "code": "ok",
            "level": "INFO", "Presigned": 1, "fileId": file["id"], "function": "it", "owner": "2bd806c97f0e00af",
        }),
    );
    assert!(line["durationMs"].is_f64() && line["coldStart"].is_boolean());
    assert!(
        line.get("postgresMs").is_none() && line.get("s3Ms").is_none(),
        "no service was used: {line}"
    );

    assert_eq!(put(&file, b"hello").await.status(), 200);
    log.take();
    let saved = world.save("alice", &file).await.expect(201);
    let line = log.one();
    has(
        &line,
        &json!({
            "route": "POST /save-metadata", "status": 201, "Recorded": 1, "UploadedBytes": 5,
        }),
    );
    let (whole, s3, postgres) = (&line["durationMs"], &line["s3Ms"], &line["postgresMs"]);
    let (whole, s3, postgres) = (
        whole.as_f64().unwrap(),
        s3.as_f64().unwrap(),
        postgres.as_f64().unwrap(),
    );
    assert!(
        s3 > 0.0 && postgres > 0.0 && s3 + postgres <= whole,
        "{line}"
    );

    // A second call does not record the file again.
    world.save("alice", &file).await.expect(200);
    assert!(log.one().get("Recorded").is_none());

    let id = saved["file"]["id"].as_str().unwrap();
    let body = json!({ "fileName": "Gehaltsliste.txt", "metadata": { "person": "Erika" } });
    for (user, status, code, owner) in [
        ("alice", 200, "ok", "2bd806c97f0e00af"),
        ("bob", 404, "not_found", "81b637d8fcd2c6da"),
    ] {
        world.patch(user, id, body.clone()).await.expect(status);
        let line = log.one();
        has(
            &line,
            &json!({
                "route": "PATCH /files/{id}", "status": status, "code": code, "level": "INFO",
                "fileId": id, "owner": owner,
            }),
        );
        assert!(line.get("Recorded").is_none(), "{line}");
        let line = line.to_string();
        assert!(
            !line.contains("Gehalt") && !line.contains("Erika"),
            "{line}"
        );
    }

    world.delete("bob", id).await.expect(404);
    let line = log.one();
    has(
        &line,
        &json!({
            "route": "DELETE /files/{id}", "status": 404, "code": "not_found", "level": "INFO", "Rejected": 1,
            "owner": "81b637d8fcd2c6da", "fileId": id,
        }),
    );
    world.delete("alice", id).await.expect(200);
    has(
        &log.one(),
        &json!({ "route": "DELETE /files/{id}", "Deleted": 1, "fileId": id, "owner": "2bd806c97f0e00af" }),
    );
}

#[tokio::test]
async fn an_error_is_logged_with_its_cause_and_a_stranger_is_not_logged() {
    let world = World::new().await;
    let log = Log::default();
    let _listening = log.capture();
    let app = world.app(&[("DATABASE_URL", "postgres://alice:password@127.0.0.1:9/x")]);
    app.get("alice", "/usage").await.expect(503);
    let line = log.one();
    has(
        &line,
        &json!({
            "route": "GET /usage", "status": 503, "code": "unavailable", "level": "ERROR", "Failed": 1,
        }),
    );
    assert!(
        line["cause"].as_str().unwrap().contains("refused"),
        "{line}"
    );

    // A request without a valid token is not logged in detail.
    let event = GatewayEvent::new("GET", "/files/what-a-stranger-wrote");
    world.send(event).await.expect(401);
    let line = log.one();
    has(
        &line,
        &json!({ "route": "GET", "status": 401, "code": "unauthenticated" }),
    );
    assert!(line.get("owner").is_none() && !line.to_string().contains("stranger"));

    let event = GatewayEvent::new("GET", "/files/what-a-user-wrote").bearer(&token("alice"));
    world.send(event).await.expect(404);
    let line = log.one();
    has(&line, &json!({ "route": "GET /files/{id}" }));
    assert!(!line.to_string().contains("wrote"), "{line}");
}

#[tokio::test]
async fn the_outcome_of_an_event_is_found_by_the_file_id() {
    let world = World::new().await;
    let app = world.app(&[("MAX_UPLOAD_BYTES", "3")]);
    let log = Log::default();
    let _listening = log.capture();
    let big = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let event = world.notifications().await.remove(0);
    log.take();
    app.deliver(event.clone()).await.unwrap();
    let lines = log.take();
    has(
        &lines[0],
        &json!({
            "fileId": big["id"], "code": "file_too_large", "Rejected": 1, "message": "refused",
        }),
    );
    has(
        &lines[1],
        &json!({ "requestId": REQUEST_ID, "refused": 1, "message": "events taken" }),
    );
}

#[tokio::test]
async fn each_file_of_a_batch_is_found_in_the_log() {
    let world = World::new().await;
    let log = Log::default();
    let _listening = log.capture();
    let one = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let batch = world
        .post(
            "alice",
            "/presign-upload",
            json!({ "files": vec![one; 13] }),
        )
        .await
        .expect(200);
    let files = batch["uploads"].as_array().unwrap();
    let has_each = |lines: &[Value]| {
        for file in files {
            let id = file["id"].as_str().unwrap();
            let found = lines.iter().filter(|line| line.to_string().contains(id));
            let found: Vec<_> = found.collect();
            assert_eq!(found.len(), 1, "{id}");
            has(
                found[0],
                &json!({ "requestId": REQUEST_ID, "owner": "2bd806c97f0e00af" }),
            );
        }
    };
    let lines = log.take();
    has_each(&lines);
    let first = lines
        .iter()
        .find(|line| line["message"] == "answered")
        .unwrap();
    has(first, &json!({ "files": 13, "Presigned": 13 }));
    assert_eq!(first["fileIds"].as_str().unwrap().split(' ').count(), 10);

    for file in files {
        assert_eq!(put(file, b"hello").await.status(), 200);
        world.save("alice", file).await.expect(201);
    }
    log.take();
    let ids: Vec<_> = files.iter().map(|file| file["id"].clone()).collect();
    let delete = json!({ "ids": ids });
    // A user who deletes another user's files deletes none, and no line claims it.
    world
        .post("bob", "/files/delete", delete.clone())
        .await
        .expect(200);
    assert!(log.one().get("fileIds").is_none());
    world
        .post("alice", "/files/delete", delete)
        .await
        .expect(200);
    has_each(&log.take());
}

#[tokio::test]
async fn equal_failures_have_one_cause_and_s3_its_request_id() {
    let world = World::new().await;
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let log = Log::default();
    let _listening = log.capture();
    let app = world.app(&[("AWS_SECRET_ACCESS_KEY", "0therSecretKeyOfThisTest")]);
    let mut lines = Vec::new();
    for _ in 0..2 {
        app.save("alice", &file).await.expect(500);
        lines.push(log.failure());
    }
    let said = |field: &str| [lines[0][field].as_str(), lines[1][field].as_str()];
    // The failed HEAD has no code. The GET that is sent at the same time has one.
    let cause = said("cause")[0].unwrap();
    assert!(cause.contains("403 SignatureDoesNotMatch"), "{cause}");
    assert_eq!(said("cause")[0], said("cause")[1]);
    assert!(said("s3RequestId")[0].is_some());
    assert_ne!(said("s3RequestId")[0], said("s3RequestId")[1]);
    has(
        &lines[0],
        &json!({ "fileId": file["id"], "code": "internal" }),
    );
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_named() {
    let world = World::new().await;
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let log = Log::default();
    let _listening = log.capture();
    let app = world.app(&[("S3_BUCKET_NAME", "mistyped")]);
    // Not a 409, as for an upload that has not arrived: clients would upload again and again.
    app.save("alice", &file).await.expect(500);
    let line = log.failure();
    let cause = line["cause"].as_str().unwrap();
    assert!(
        cause.contains("NoSuchBucket") && cause.contains("mistyped"),
        "{cause}"
    );
}

#[tokio::test]
async fn an_event_that_is_not_recorded_is_logged_with_file_and_owner() {
    let world = World::new().await;
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let event = world.notifications().await.remove(0);
    let log = Log::default();
    let _listening = log.capture();
    let app = world.app(&[("DATABASE_URL", "postgres://alice:password@127.0.0.1:9/x")]);
    let junk = json!({ "eventSource": "aws:sqs", "messageId": "junk", "body": "not JSON" });
    let ours = json!({ "eventSource": "aws:sqs", "messageId": "ours", "body": event.to_string() });
    app.deliver(json!({ "Records": [junk, ours] }))
        .await
        .unwrap();
    let lines = log.take();
    has(
        &lines[0],
        &json!({ "level": "WARN", "messageId": "junk", "source": "not JSON", "requestId": REQUEST_ID }),
    );
    has(
        &lines[1],
        &json!({
            "level": "ERROR", "message": "not recorded", "fileId": file["id"], "owner": "2bd806c97f0e00af",
            "requestId": REQUEST_ID, "traceId": TRACE_ID, "code": "unavailable",
        }),
    );
    assert!(
        !lines[1].to_string().contains("a.txt"),
        "no names: {}",
        lines[1]
    );
    has(
        &lines[2],
        &json!({ "message": "events taken", "ok": false, "failed": 1, "unknown": 1 }),
    );
}
