//! The content type that is detected from a file's first bytes. Active content is never served
//! inline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use slipway_testkit::{HttpObserver, HttpProxy, Passing};

use crate::record_upload::found;
use crate::world::{App, Events, World, put};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const HTML: &[u8] = b"\n <!DOCTYPE html><script>alert(document.domain)</script>";
const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

/// The detected type in the row.
async fn detected(world: &World, file: &Value) -> Value {
    let row = world.row(id(file)).await.expect("a row");
    row["detected_type"].clone()
}

/// The content type of the response to a browser, and whether it is an attachment.
async fn answered(app: &App, file: &Value) -> (String, bool) {
    let response = app.read(&file["url"]).await;
    assert_eq!(response.status(), 200);
    let header = |name: &str| {
        let value = response.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let kind = header("content-type").expect("a type");
    (kind, disposition.starts_with("attachment"))
}

#[tokio::test]
async fn active_content_is_an_attachment_whatever_its_name() {
    let world = World::new().await;
    // Longer than the range that the function reads, so that the response is partial.
    let long_html = [HTML, &[b' '; 2000]].concat();
    for (kind, bytes, is, attached) in [
        ("image/png", HTML, json!("text/html"), true),
        ("image/png", &long_html, json!("text/html"), true),
        ("image/png", SVG, json!("image/svg+xml"), true),
        ("text/plain", SVG, json!("image/svg+xml"), true),
        ("image/png", PNG, json!("image/png"), false),
        ("image/jpeg", PNG, json!("image/png"), false),
        ("text/html", PNG, json!("image/png"), true),
        ("text/plain", b"hello", Value::Null, false),
        ("text/html", b"hello", Value::Null, true),
        ("image/png", b"", Value::Null, false),
    ] {
        let shown = String::from_utf8_lossy(bytes);
        let by_call = world.upload("alice", "a.png", kind, bytes).await;
        world.notifications().await;
        let by_event = world.put_new("alice", "a.png", kind, bytes).await;
        world.deliver_events(Events::Once).await;
        let listed = world.list("alice").await;
        assert_eq!(listed[0]["id"], by_event["id"]);
        for file in [&by_call, &listed[0], &listed[1]] {
            assert_eq!(detected(&world, file).await, is, "{kind} {shown:?}");
            assert_eq!(file["contentType"], kind);
            let expected = (kind.to_owned(), attached);
            assert_eq!(answered(&world, file).await, expected, "{kind} {shown:?}");
        }
    }
}

#[tokio::test]
async fn an_overwrite_is_detected_again() {
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.png", "image/png", PNG).await;
    world.save("alice", &presigned).await.expect(201);
    assert_eq!(put(&presigned, HTML).await.status(), 200);
    let file = world.save("alice", &presigned).await.expect(200)["file"].clone();
    assert_eq!(detected(&world, &file).await, "text/html");
    assert!(answered(&world, &file).await.1);
    // The same bytes a second later, recorded by functions that do not read them.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(put(&presigned, HTML).await.status(), 200);
    let blind = world.app(&[("DETECT_CONTENT", "false")]);
    let again = blind.save("alice", &presigned).await.expect(200)["file"].clone();
    assert_ne!(again["uploadedAt"], file["uploadedAt"]);
    assert_eq!(detected(&world, &file).await, "text/html");
    // Other bytes: the type is unknown.
    assert_eq!(put(&presigned, PNG).await.status(), 200);
    blind.save("alice", &presigned).await.expect(200);
    assert_eq!(detected(&world, &file).await, Value::Null);
}

#[tokio::test]
async fn without_detection_no_bytes_are_read() {
    let world = World::new().await;
    let proxy = HttpProxy::before(&world.endpoint()).await;
    proxy.close_on("GET /");
    let s3 = proxy.endpoint();
    let off = world.app(&[("S3_ENDPOINT", &s3), ("DETECT_CONTENT", "false")]);
    let on = world.app(&[("S3_ENDPOINT", &s3)]);
    let presigned = world.put_new("alice", "a.png", "image/png", HTML).await;
    on.save("alice", &presigned)
        .await
        .refused(503, "unavailable");
    assert!(world.list("alice").await.is_empty());
    let file = off.save("alice", &presigned).await.expect(201)["file"].clone();
    assert_eq!(detected(&world, &file).await, Value::Null);
    assert_eq!(
        answered(&world, &world.list("alice").await[0]).await,
        ("image/png".to_owned(), false)
    );
    // An event behaves the same way.
    world.notifications().await;
    let other = world.put_new("alice", "b.png", "image/png", HTML).await;
    let event = world.notifications().await.remove(0);
    on.deliver(event.clone()).await.unwrap_err();
    let report = off.deliver(event).await.unwrap();
    assert_eq!(found(&report), json!({ "recorded": 1 }));
    assert_eq!(detected(&world, &other).await, Value::Null);
}

/// A proxy in front of S3. The upload is overwritten with `bytes` before S3 receives the first GET.
fn overwriting(endpoint: &str, presigned: &Value, bytes: &'static [u8]) -> HttpProxy {
    let (presigned, done) = (Arc::new(presigned.clone()), Arc::<AtomicBool>::default());
    let observer: HttpObserver = Arc::new(move |passing, head| {
        let is_get = passing == Passing::Request && head.starts_with("GET ");
        let first = is_get && !done.swap(true, Ordering::SeqCst);
        let presigned = Arc::clone(&presigned);
        Box::pin(async move {
            if first {
                // Long enough for the HEAD that is sent at the same time.
                tokio::time::sleep(Duration::from_millis(300)).await;
                assert_eq!(put(&presigned, bytes).await.status(), 200);
            }
        })
    });
    let proxy = HttpProxy::observed(endpoint, observer);
    proxy.open();
    proxy
}

/// A proxy in front of S3 that responds to the first GET with this status and error code.
async fn refusing_first_get(endpoint: &str, status: u16, code: &str) -> HttpProxy {
    let proxy = HttpProxy::before(endpoint).await;
    let body = format!("<Error><Code>{code}</Code><Message>-</Message></Error>");
    let done = AtomicBool::new(false);
    proxy.respond(move |line, _| {
        let first = line.starts_with("GET ") && !done.swap(true, Ordering::SeqCst);
        first.then(|| (status, body.clone()))
    });
    proxy
}

#[tokio::test]
async fn detected_bytes_must_have_the_etag_of_the_head() {
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.png", "image/png", HTML).await;
    let s3 = overwriting(&world.endpoint(), &presigned, PNG);
    let app = world.app(&[("S3_ENDPOINT", &s3.endpoint())]);
    let file = app.save("alice", &presigned).await.expect(201)["file"].clone();
    // HTML that is recorded as PNG would be served inline. All recorded properties must be of one
    // version of the object.
    assert_eq!(file["size"], PNG.len());
    assert_eq!(detected(&world, &file).await, "image/png");
}

#[tokio::test]
async fn a_contradicting_response_is_requested_again() {
    for (status, code) in [(404, "NoSuchKey"), (416, "InvalidRange")] {
        let world = World::new().await;
        let presigned = world.put_new("alice", "a.png", "image/png", HTML).await;
        let s3 = refusing_first_get(&world.endpoint(), status, code).await;
        let app = world.app(&[("S3_ENDPOINT", &s3.endpoint())]);
        let file = app.save("alice", &presigned).await.expect(201)["file"].clone();
        assert_eq!(detected(&world, &file).await, "text/html", "{status}");
    }
}

#[tokio::test]
async fn an_unreadable_object_is_recorded_and_never_served_inline() {
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.png", "image/png", PNG).await;
    let s3 = refusing_first_get(&world.endpoint(), 403, "InvalidObjectState").await;
    let app = world.app(&[("S3_ENDPOINT", &s3.endpoint())]);
    app.save("alice", &presigned).await.expect(201);
    let file = &world.list("alice").await[0];
    assert_eq!(detected(&world, file).await, "application/octet-stream");
    assert!(answered(&world, file).await.1);
}

#[tokio::test]
async fn unsigned_headers_of_a_put_make_nothing_active() {
    let world = World::new().await;
    let ask = json!({ "fileName": "pic.png", "contentType": "image/png" });
    let presigned = world.presign("alice", ask).await;
    // Neither header is signed, and S3 stores both.
    let response = world
        .http
        .put(presigned["presignedUrl"].as_str().unwrap())
        .header("Content-Type", "image/png")
        .header("Content-Encoding", "br")
        .header("Content-Disposition", "inline; filename=\"page.html\"")
        .body(PNG)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let saved = world.save("alice", &presigned).await.expect(201)["file"].clone();
    assert_eq!(
        detected(&world, &saved).await,
        json!("application/octet-stream")
    );
    let answer = world.read(&saved["url"]).await;
    let disposition = answer.headers()["content-disposition"].to_str().unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"pic.png\""),
        "{disposition}"
    );
}
