//! What a file is by its bytes: found when it is recorded, and never shown where a browser would run it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::gate::Gate;
use crate::record_upload::found;
use crate::world::{App, Events, World, put};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const HTML: &[u8] = b"\n <!DOCTYPE html><script>alert(document.domain)</script>";
const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

/// What the row says the bytes are.
async fn detected(world: &World, file: &Value) -> Value {
    let row = world.row(id(file)).await.expect("a row");
    row["detected_type"].clone()
}

/// How a browser is answered: the type, and whether as an attachment.
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
async fn what_a_browser_would_run_is_an_attachment_whatever_it_is_called() {
    let world = World::new().await;
    // More than is looked at, so that the answer to the range is a part.
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
        world.told().await;
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
async fn an_overwrite_is_looked_at_again() {
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.png", "image/png", PNG).await;
    world.save("alice", &presigned).await.expect(201);
    assert_eq!(put(&presigned, HTML).await.status(), 200);
    let file = world.save("alice", &presigned).await.expect(200)["file"].clone();
    assert_eq!(detected(&world, &file).await, "text/html");
    assert!(answered(&world, &file).await.1);
    // The same bytes a second later, seen by functions that do not look at them.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(put(&presigned, HTML).await.status(), 200);
    let blind = world.app(&[("DETECT_CONTENT", "false")]);
    let again = blind.save("alice", &presigned).await.expect(200)["file"].clone();
    assert_ne!(again["uploadedAt"], file["uploadedAt"]);
    assert_eq!(detected(&world, &file).await, "text/html");
    // Other bytes: nobody knows.
    assert_eq!(put(&presigned, PNG).await.status(), 200);
    blind.save("alice", &presigned).await.expect(200);
    assert_eq!(detected(&world, &file).await, Value::Null);
}

#[tokio::test]
async fn switched_off_it_reads_nothing() {
    let world = World::new().await;
    let gate = Gate::before(&world.endpoint()).await;
    gate.shut_for("GET /");
    let s3 = gate.endpoint();
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
    // And so does an event.
    world.told().await;
    let other = world.put_new("alice", "b.png", "image/png", HTML).await;
    let event = world.told().await.remove(0);
    on.deliver(event.clone()).await.unwrap_err();
    let report = off.deliver(event).await.unwrap();
    assert_eq!(found(&report), json!({ "recorded": 1 }));
    assert_eq!(detected(&world, &other).await, Value::Null);
}

/// What happens to the first GET on its way to S3.
enum Trick {
    /// It arrives after this upload was overwritten.
    Overwrite(Value, &'static [u8]),
    /// It is answered with these bytes of HTTP.
    Answer(String),
}

/// An S3 that plays `trick` on the first GET.
async fn tricked(endpoint: &str, trick: Trick) -> String {
    let upstream = endpoint.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (trick, done) = (Arc::new(trick), Arc::new(AtomicBool::new(false)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&upstream).await.unwrap();
            tokio::spawn(pass(client, server, Arc::clone(&trick), Arc::clone(&done)));
        }
    });
    format!("http://127.0.0.1:{port}")
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    trick: Arc<Trick>,
    done: Arc<AtomicBool>,
) {
    let mut head = vec![0; 64 * 1024];
    let count = client.read(&mut head).await.unwrap_or_default();
    if head.starts_with(b"GET ") && !done.swap(true, Ordering::SeqCst) {
        match &*trick {
            Trick::Overwrite(presigned, bytes) => {
                // Long enough for the HEAD that goes side by side with it.
                tokio::time::sleep(Duration::from_millis(300)).await;
                assert_eq!(put(presigned, bytes).await.status(), 200);
            }
            Trick::Answer(answer) => {
                let _ = client.write_all(answer.as_bytes()).await;
                return;
            }
        }
    }
    if server.write_all(&head[..count]).await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

#[tokio::test]
async fn bytes_are_believed_only_with_the_etag_of_the_head() {
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.png", "image/png", HTML).await;
    let trick = Trick::Overwrite(presigned.clone(), PNG);
    let s3 = tricked(&world.endpoint(), trick).await;
    let app = world.app(&[("S3_ENDPOINT", &s3)]);
    let file = app.save("alice", &presigned).await.expect(201)["file"].clone();
    // HTML that is taken for a PNG would be shown: what is recorded is one object's.
    assert_eq!(file["size"], PNG.len());
    assert_eq!(detected(&world, &file).await, "image/png");
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_again() {
    let gone = "<Error><Code>NoSuchKey</Code><Message>-</Message></Error>";
    let empty = "<Error><Code>InvalidRange</Code><Message>-</Message></Error>";
    for (status, body) in [
        ("404 Not Found", gone),
        ("416 Range Not Satisfiable", empty),
    ] {
        let world = World::new().await;
        let presigned = world.put_new("alice", "a.png", "image/png", HTML).await;
        let trick = Trick::Answer(response(status, body));
        let s3 = tricked(&world.endpoint(), trick).await;
        let app = world.app(&[("S3_ENDPOINT", &s3)]);
        let file = app.save("alice", &presigned).await.expect(201)["file"].clone();
        assert_eq!(detected(&world, &file).await, "text/html", "{status}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_recorded_and_never_shown() {
    let archived = "<Error><Code>InvalidObjectState</Code><Message>-</Message></Error>";
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.png", "image/png", PNG).await;
    let trick = Trick::Answer(response("403 Forbidden", archived));
    let s3 = tricked(&world.endpoint(), trick).await;
    let app = world.app(&[("S3_ENDPOINT", &s3)]);
    app.save("alice", &presigned).await.expect(201);
    let file = &world.list("alice").await[0];
    assert_eq!(detected(&world, file).await, "application/octet-stream");
    assert!(answered(&world, file).await.1);
}

fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn what_a_put_brings_beside_its_signature_shows_nothing_active() {
    let world = World::new().await;
    let ask = json!({ "fileName": "pic.png", "contentType": "image/png" });
    let presigned = world.presign("alice", ask).await;
    // Neither header is signed, and S3 keeps both.
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
