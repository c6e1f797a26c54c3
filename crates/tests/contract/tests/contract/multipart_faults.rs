//! Multipart uploads while S3 fails. Whatever S3 responds, the recorded state is the real one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::json;
use slipway_testkit::{Direction, HttpFault, HttpProxy, TcpFault, TcpObserver, TcpProxy};

use crate::world::{App, World};

/// Whether this is a request to complete an upload: a POST with the upload in its query.
fn is_completion(line: &str) -> bool {
    line.starts_with("POST") && line.contains("uploadId=")
}

async fn behind(world: &World) -> (HttpProxy, App) {
    let fault = HttpProxy::before(&world.endpoint()).await;
    let app = world.app(&[("S3_ENDPOINT", &fault.endpoint())]);
    (fault, app)
}

fn error(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n\n<Error><Code>{code}</Code><Message>x</Message><RequestId>r</RequestId></Error>"
    )
}

#[tokio::test]
async fn an_error_inside_a_200_is_an_error() {
    let world = World::new().await;
    for (status, body) in [
        (200, error("InternalError")),
        (200, error("SlowDown")),
        (500, error("InternalError")),
        (503, error("SlowDown")),
        (409, error("ConditionalRequestConflict")),
        (400, error("InvalidPart")),
    ] {
        let (fault, app) = behind(&world).await;
        let begun = app.uploaded("alice", b"hello").await;
        let usage = world.usage("alice").await;
        let shown = format!("{status} {body}");
        fault.respond(move |line, _| is_completion(line).then(|| (status, body.clone())));
        let answer = app.complete("alice", &begun).await;
        assert_eq!(
            (answer.status, answer.code()),
            (503, "unavailable"),
            "{shown}"
        );
        assert_eq!(world.usage("alice").await, usage, "{shown}");
        // Its parts still exist.
        fault.heal();
        app.complete("alice", &begun).await.expect(201);
    }
    let (fault, app) = behind(&world).await;
    let begun = app.uploaded("alice", b"hello").await;
    fault.respond(|line, _| is_completion(line).then(|| (403, error("AccessDenied"))));
    app.complete("alice", &begun).await.refused(500, "internal");
}

#[tokio::test]
async fn a_single_error_is_retried() {
    let world = World::new().await;
    for body in [(200, error("InternalError")), (500, error("InternalError"))] {
        let (fault, app) = behind(&world).await;
        let begun = app.uploaded("alice", b"hello").await;
        let failed = AtomicU32::new(0);
        fault.respond(move |line, _| {
            let first = is_completion(line) && failed.fetch_add(1, Ordering::SeqCst) == 0;
            first.then(|| body.clone())
        });
        app.complete("alice", &begun).await.expect(201);
    }
}

#[tokio::test]
async fn a_lost_response_ends_in_the_real_state() {
    let world = World::new().await;
    for once in ["", "true"] {
        let fault = HttpProxy::before(&world.endpoint()).await;
        let app = world.app(&[("S3_ENDPOINT", &fault.endpoint()), ("WRITE_ONCE", once)]);
        let begun = app.uploaded("alice", b"hello").await;
        fault.fail(|line, _| is_completion(line).then_some(HttpFault::LoseResponse));
        let file = app.complete("alice", &begun).await.expect(201)["file"].clone();
        assert_eq!((&file["id"], &file["size"]), (&begun["id"], &5.into()));
        app.complete("alice", &begun).await.expect(200);
    }
    assert!(world.s3_uploads().await.is_empty());
}

#[tokio::test]
async fn a_slow_completion_is_reported_as_in_progress() {
    let world = World::new().await;
    for act in [HttpFault::HoldResponse, HttpFault::Stall] {
        let (fault, app) = behind(&world).await;
        let begun = app.uploaded("alice", b"hello").await;
        let held = act.clone();
        fault.fail(move |line, _| is_completion(line).then(|| held.clone()));
        let short = world.app(&[("S3_ENDPOINT", &fault.endpoint())]);
        let short = short.within(Duration::from_secs(4));
        let answer = short.complete("alice", &begun).await.expect(202);
        let completing = serde_json::json!({ "success": true, "status": "completing" });
        assert_eq!(answer, completing);
        fault.heal();
        // S3 may have completed the upload meanwhile, or never received the request.
        app.complete("alice", &begun).await.expect(201);
    }
}

/// The row is stored, and Postgres is away for the response and for the retry. No client receives
/// the id, so the row must not count as an open upload.
#[tokio::test]
async fn an_upload_that_no_client_knows_leaves_no_row() {
    let world = World::new().await;
    let lose = Arc::new(AtomicU32::new(0));
    let proxy: Arc<OnceLock<TcpProxy>> = Arc::default();
    let (losses, faulty) = (Arc::clone(&lose), Arc::clone(&proxy));
    let observer: TcpObserver = Arc::new(move |direction, bytes| {
        let is_commit = bytes.windows(6).any(|window| window == b"COMMIT");
        let left = || {
            losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
        };
        if direction == Direction::ToClient && is_commit && left().is_ok() {
            let fault = TcpFault::LoseResponse(b"COMMIT");
            faulty.get().expect("started").set(fault);
        }
        Box::pin(async {})
    });
    let port = world.database.server().port();
    let proxy = proxy.get_or_init(|| TcpProxy::observed(port, observer));
    proxy.open();
    let url = proxy.through(&world.database.url());
    let app = world.app(&[("DATABASE_URL", &url)]);
    app.begin("alice", 1).await;
    assert_eq!(world.upload_rows().await.len(), 1);
    lose.store(2, Ordering::SeqCst);
    let body = json!({ "fileName": "a", "contentType": "a/b", "size": 1 });
    app.post("alice", "/multipart-uploads", body)
        .await
        .refused(503, "unavailable");
    assert_eq!(lose.load(Ordering::SeqCst), 0);
    assert_eq!(world.upload_rows().await.len(), 1);
    assert_eq!(world.s3_uploads().await.len(), 1);
}

#[tokio::test]
async fn completion_needs_the_list_of_parts() {
    let world = World::new().await;
    let (fault, app) = behind(&world).await;
    let begun = app.uploaded("alice", b"hello").await;
    for (status, code, seen) in [(503, "unavailable", 503), (403, "internal", 500)] {
        fault.respond(move |line, _| {
            let list = line.starts_with("GET") && line.contains("uploadId=");
            list.then(|| (status, error("AnyCode")))
        });
        app.complete("alice", &begun).await.refused(seen, code);
        app.about("alice", "GET", &begun, "")
            .await
            .refused(seen, code);
    }
    fault.heal();
    // If S3 fails, the upload is marked as aborted, and the request may be repeated.
    fault.refuse("DELETE", 500);
    app.abort("alice", &begun).await.refused(503, "unavailable");
    assert!(app.open_uploads("alice").await.is_empty());
    fault.heal();
    app.abort("alice", &begun).await.expect(200);
    assert!(world.s3_uploads().await.is_empty());
}

#[tokio::test]
async fn an_upload_without_a_row_is_aborted_at_once() {
    let world = World::new().await;
    let sql = "REVOKE INSERT ON multipart_uploads FROM slipway_app";
    world.sql().await.batch_execute(sql).await.unwrap();
    let ask = serde_json::json!({ "fileName": "a", "contentType": "a/b", "size": 1 });
    let answer = world.post("alice", "/multipart-uploads", ask).await;
    answer.refused(500, "internal");
    assert!(world.s3_uploads().await.is_empty());
}
