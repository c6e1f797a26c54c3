//! The one line that a request leaves in the log, and the metrics in it.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use slipway_core::env::Env;

use crate::event::Event;
use crate::world::{REQUEST_ID, TRACE_ID, World, put};

/// Everything that this thread's functions say.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to listen, until the guard is dropped.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let get = |name: &str| (name == "AWS_LAMBDA_FUNCTION_NAME").then(|| "it".to_owned());
        let log = self.clone();
        let subscriber = slipway_log::subscriber(Env::new(&get), move || log.clone()).unwrap();
        tracing::subscriber::set_default(subscriber)
    }

    /// The lines since it was last asked.
    fn take(&self) -> Vec<Value> {
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
    let _listening = log.listen();

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
            "level": "INFO", "Presigned": 1, "function": "it", "owner": "2bd806c97f0e00af",
        }),
    );
    assert!(line["durationMs"].is_f64() && line["coldStart"].is_boolean());
    assert!(
        line.get("postgresMs").is_none() && line.get("s3Ms").is_none(),
        "nobody was asked: {line}"
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

    // Told again, it is recorded by nobody.
    world.save("alice", &file).await.expect(200);
    assert!(log.one().get("Recorded").is_none());

    let id = saved["file"]["id"].as_str().unwrap();
    world.delete("bob", id).await.expect(404);
    let line = log.one();
    has(
        &line,
        &json!({
            "route": "DELETE /files/{id}", "status": 404, "code": "not_found", "level": "INFO", "Rejected": 1,
            "owner": "81b637d8fcd2c6da",
        }),
    );
    world.delete("alice", id).await.expect(200);
    has(
        &log.one(),
        &json!({ "route": "DELETE /files/{id}", "Deleted": 1 }),
    );
}

#[tokio::test]
async fn a_fault_tells_its_cause_and_a_stranger_nothing() {
    let world = World::new().await;
    let log = Log::default();
    let _listening = log.listen();
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

    // What somebody without a token asks for is not written down.
    let event = Event::new("GET", "/files/what-a-stranger-wrote");
    world.send(event).await.expect(401);
    let line = log.one();
    has(
        &line,
        &json!({ "route": "GET", "status": 401, "code": "unauthenticated" }),
    );
    assert!(line.get("owner").is_none() && !line.to_string().contains("stranger"));

    let event = Event::new("GET", "/files/what-a-user-wrote").by("alice");
    world.send(event).await.expect(404);
    let line = log.one();
    has(&line, &json!({ "route": "GET /files/{id}" }));
    assert!(!line.to_string().contains("wrote"), "{line}");
}

#[tokio::test]
async fn what_an_event_came_to_is_found_by_the_files_id() {
    let world = World::new().await;
    let app = world.app(&[("MAX_UPLOAD_BYTES", "3")]);
    let log = Log::default();
    let _listening = log.listen();
    let big = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let event = world.told().await.remove(0);
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
