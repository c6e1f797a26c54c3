//! `REQUIRE_SCAN`: a file cannot be read before a malware scanner has found it clean.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use slipway_core::env::{ConfigError, Environment};
use slipway_files::Files;
use slipway_presign::Presign;
use slipway_presign_quota::PresignQuota;
use slipway_record_upload::RecordUpload;
use slipway_save_metadata::SaveMetadata;
use slipway_testkit::HttpProxy;

use crate::record_upload::found;
use crate::shape::shape;
use crate::world::{App, Variables, World, amended, basics, failed, put};

const GATED: [(&str, &str); 2] = [("REQUIRE_SCAN", "true"), ("WRITE_ONCE", "true")];
/// The ETag of `hello`.
const ETAG: &str = "5d41402abc4b2a76b9719d911017c592";

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

/// The event that `GuardDuty` sends after it has tagged an object.
fn scan(world: &World, file: &Value, etag: &str, result: &str) -> Value {
    let key = file["objectKey"].as_str().unwrap();
    world.server.scanner().report(key, etag, result)
}

fn in_sqs(events: &[Value]) -> Value {
    let message = |(at, body): (usize, &Value)| json!({ "messageId": at.to_string(), "body": body.to_string(), "eventSource": "aws:sqs" });
    let messages: Vec<_> = events.iter().enumerate().map(message).collect();
    json!({ "Records": messages })
}

/// The reason why a file cannot be read, which must be the same on every page; null if it can.
async fn blocked(app: &App, file: &Value) -> Value {
    let one = app.get("alice", &format!("/files/{}", id(file))).await;
    let download = format!("/files/{}?download=true", id(file));
    let listed = app.list("alice").await;
    let listed = listed.iter().find(|listed| listed["id"] == file["id"]);
    let shown = [
        one.expect(200)["file"].clone(),
        app.get("alice", &download).await.expect(200)["file"].clone(),
        app.save("alice", file).await.expect(200)["file"].clone(),
        listed.expect("in the list").clone(),
    ];
    for file in &shown {
        let why = &file["urlBlocked"];
        assert_eq!(why, &shown[0]["urlBlocked"]);
        if why.is_null() {
            assert!(file.get("urlBlocked").is_none(), "{file}");
            let read = app.read(&file["url"]).await;
            assert_eq!(read.status(), 200);
        } else {
            assert_eq!(
                (&file["url"], &file["urlExpiresAt"]),
                (&Value::Null, &Value::Null)
            );
            assert!(!file.to_string().contains("Signature"), "{file}");
        }
    }
    shown[0]["urlBlocked"].clone()
}

async fn hello(app: &App) -> Value {
    app.upload("alice", "a.txt", "text/plain", b"hello").await
}

#[tokio::test]
async fn a_clean_file_can_be_read() {
    let world = World::with(&GATED).await;
    let file = hello(&world).await;
    assert_json_snapshot!(shape(&file), @r#"
    {
      "checksumCrc64nvme": "M3eFcAZSQlc=",
      "checksumSha256": null,
      "contentType": "text/plain",
      "etag": "5d41402abc4b2a76b9719d911017c592",
      "fileName": "a.txt",
      "id": "[id]",
      "metadata": {},
      "objectKey": "alice/[id]/a.txt",
      "previewUrl": null,
      "rule": null,
      "size": 5,
      "uploadedAt": "[time]",
      "url": null,
      "urlBlocked": "scan_pending",
      "urlExpiresAt": null
    }
    "#);
    assert_eq!(blocked(&world, &file).await, "scan_pending");
    let clean = scan(&world, &file, ETAG, "NO_THREATS_FOUND");
    let report = world.deliver(clean.clone()).await.unwrap();
    assert_eq!(found(&report), json!({ "scanned": 1 }));
    assert_eq!(blocked(&world, &file).await, Value::Null);
    let before = world.row(id(&file)).await;
    let report = world.deliver(clean).await.unwrap();
    assert_eq!(found(&report), json!({ "unchanged": 1 }));
    assert_eq!(world.row(id(&file)).await, before);
}

#[tokio::test]
async fn any_other_result_keeps_it_blocked() {
    let world = World::with(&GATED).await;
    for (result, why) in [
        ("THREATS_FOUND", "scan_threats"),
        ("UNSUPPORTED", "scan_unsupported"),
        ("ACCESS_DENIED", "scan_failed"),
        ("FAILED", "scan_failed"),
        ("SOMETHING_NEW", "scan_failed"),
    ] {
        let file = hello(&world).await;
        world
            .deliver(scan(&world, &file, ETAG, result))
            .await
            .unwrap();
        assert_eq!(blocked(&world, &file).await, why, "{result}");
    }
}

#[tokio::test]
async fn a_threat_is_final() {
    let world = World::with(&GATED).await;
    let threats_first = hello(&world).await;
    let threats_last = hello(&world).await;
    for (file, first, second) in [
        (&threats_first, "THREATS_FOUND", "NO_THREATS_FOUND"),
        (&threats_last, "NO_THREATS_FOUND", "THREATS_FOUND"),
    ] {
        world
            .deliver(scan(&world, file, ETAG, first))
            .await
            .unwrap();
        world
            .deliver(scan(&world, file, ETAG, second))
            .await
            .unwrap();
        assert_eq!(blocked(&world, file).await, "scan_threats");
    }
    // A later completed scan replaces a failed one.
    let file = hello(&world).await;
    world
        .deliver(scan(&world, &file, ETAG, "FAILED"))
        .await
        .unwrap();
    let clean = scan(&world, &file, ETAG, "NO_THREATS_FOUND");
    world.deliver(clean).await.unwrap();
    assert_eq!(blocked(&world, &file).await, Value::Null);
}

#[tokio::test]
async fn a_result_that_comes_first_is_not_lost() {
    let world = World::with(&GATED).await;
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    assert_eq!(world.row(id(&file)).await, None);
    let clean = scan(&world, &file, ETAG, "NO_THREATS_FOUND");
    let report = world.deliver(clean).await.unwrap();
    assert_eq!(found(&report), json!({ "scanned": 1 }));
    assert_eq!(world.usage("alice").await, (1, 5));
    // Neither S3's event nor the client's call, which arrive later, remove it.
    let event = world.notifications().await.remove(0);
    world.deliver(event).await.unwrap();
    assert_eq!(blocked(&world, &file).await, Value::Null);
}

#[tokio::test]
async fn a_result_applies_to_one_etag() {
    let world = World::with(&GATED).await;
    let file = hello(&world).await;
    let mut foreign = scan(&world, &file, ETAG, "NO_THREATS_FOUND");
    foreign["detail"]["s3ObjectDetails"]["bucketName"] = "another".into();
    let elsewhere = json!({ "objectKey": "backups/a.txt" });
    let bob = file["objectKey"]
        .as_str()
        .unwrap()
        .replace("alice/", "bob/");
    let clean = "NO_THREATS_FOUND";
    for (event, finds) in [
        (scan(&world, &file, "another", clean), json!({ "stale": 1 })),
        (foreign, json!({ "foreign": 1 })),
        (
            scan(&world, &elsewhere, ETAG, clean),
            json!({ "foreign": 1 }),
        ),
        (
            scan(&world, &json!({ "objectKey": bob }), ETAG, clean),
            json!({ "missing": 1 }),
        ),
        (
            json!({ "source": "aws.guardduty" }),
            json!({ "unknown": 1 }),
        ),
    ] {
        let report = world.deliver(event.clone()).await.unwrap();
        assert_eq!(found(&report), finds, "{event}");
        assert_eq!(blocked(&world, &file).await, "scan_pending");
    }
}

#[tokio::test]
async fn an_overwrite_has_not_been_scanned() {
    let world = World::with(&GATED).await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let clean = scan(&world, &presigned, ETAG, "NO_THREATS_FOUND");
    world.deliver(clean.clone()).await.unwrap();
    // The upload URL cannot replace it, but an administrator of the bucket can.
    assert_eq!(put(&presigned, b"evil").await.status(), 412);
    let key = presigned["objectKey"].as_str().unwrap();
    world.put_object(key, "text/plain", b"evil").await;
    for event in world.notifications().await {
        world.deliver(event).await.unwrap();
    }
    assert_eq!(blocked(&world, &presigned).await, "scan_pending");
    let report = world.deliver(clean).await.unwrap();
    assert_eq!(found(&report), json!({ "stale": 1 }));
    assert_eq!(blocked(&world, &presigned).await, "scan_pending");
    // Also if the scan result is the first event about the overwrite.
    world.put_object(key, "text/plain", b"hello").await;
    world.put_object(key, "text/plain", b"worse").await;
    let clean = scan(&world, &presigned, ETAG, "NO_THREATS_FOUND");
    let report = world.deliver(clean).await.unwrap();
    assert_eq!(found(&report), json!({ "stale": 1 }));
    assert_eq!(blocked(&world, &presigned).await, "scan_pending");
}

/// S3's response to a GET and to a range GET of a URL. Both must be the same.
async fn read(world: &World, url: &Value) -> (u16, String) {
    let url = url.as_str().expect("a URL");
    let range = world.http.get(url).header("range", "bytes=0-0");
    let range = failed(range.send().await.unwrap()).await;
    let answer = world.http.get(url).send().await.unwrap();
    if answer.status() == 200 {
        assert_eq!(range.0, 206);
        return (200, answer.text().await.unwrap());
    }
    let answer = failed(answer).await;
    assert_eq!(range, answer);
    answer
}

#[tokio::test]
async fn a_read_url_never_serves_bytes_that_were_not_scanned() {
    let world = World::with(&GATED).await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let refused = (403, "AccessDenied".to_owned());
    world.save("alice", &presigned).await.expect(201);
    let clean = scan(&world, &presigned, ETAG, "NO_THREATS_FOUND");
    world.deliver(clean.clone()).await.unwrap();
    let path = format!("/files/{}", id(&presigned));
    let download = format!("{path}?download=true");
    let urls = [
        world.get("alice", &path).await.expect(200)["file"]["url"].clone(),
        world.get("alice", &download).await.expect(200)["file"]["url"].clone(),
        world.list("alice").await[0]["url"].clone(),
    ];
    for url in &urls {
        assert_eq!(read(&world, url).await, (200, "hello".to_owned()));
    }
    // The upload URL works once while the object exists. After a delete it works again, until an
    // event arrives.
    world.delete("alice", id(&presigned)).await.expect(200);
    for url in &urls {
        assert_eq!(read(&world, url).await, refused);
    }
    assert_eq!(put(&presigned, b"evil").await.status(), 200);
    for url in &urls {
        assert_eq!(read(&world, url).await, refused);
    }
    // The result for the earlier bytes does not apply to these, whenever it arrives.
    let late = scan(&world, &presigned, ETAG, "NO_THREATS_FOUND");
    for url in &urls {
        assert_eq!(read(&world, url).await, refused);
    }
    world.deliver(late).await.unwrap();
    assert!(world.is_empty().await, "it was deleted, and stays so");
    // An upload of the same bytes has not been scanned either.
    assert_eq!(put(&presigned, b"hello").await.status(), 200);
    assert_eq!(read(&world, &urls[0]).await, refused);
}

#[tokio::test]
async fn bytes_are_recorded_before_they_are_scanned() {
    let world = World::with(&GATED).await;
    // The functions sign in headers: HEAD, and the range GET that detects HTML.
    let html = b"<!DOCTYPE html><html>";
    let file = world.upload("alice", "a.txt", "text/plain", html).await;
    let row = world.row(id(&file)).await.expect("a row");
    assert_eq!(row["detected_type"], "text/html");
    let key = file["objectKey"].as_str().unwrap();
    let threats = world.server.scanner().scan(key).expect("a result");
    let result = &threats["detail"]["scanResultDetails"]["scanResultStatus"];
    assert_eq!(result, "NO_THREATS_FOUND");
}

#[tokio::test]
async fn a_result_restores_nothing() {
    let world = World::with(&GATED).await;
    let file = hello(&world).await;
    let clean = scan(&world, &file, ETAG, "NO_THREATS_FOUND");
    world.delete("alice", id(&file)).await.expect(200);
    let report = world.deliver(clean.clone()).await.unwrap();
    assert_eq!(found(&report), json!({ "missing": 1 }));
    let key = file["objectKey"].as_str().unwrap();
    world.put_object(key, "text/plain", b"hello").await;
    let report = world.deliver(clean).await.unwrap();
    assert_eq!(found(&report), json!({ "deleted": 1 }));
    assert!(world.is_empty().await);
    world
        .get("alice", &format!("/files/{}", id(&file)))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn results_in_messages_fail_individually_and_are_redelivered() {
    let world = World::with(&GATED).await;
    let proxy = HttpProxy::before(&world.endpoint()).await;
    let app = world.app(&[("S3_ENDPOINT", &proxy.endpoint())]);
    let files = [hello(&world).await, hello(&world).await];
    let results = files
        .each_ref()
        .map(|file| scan(&world, file, ETAG, "NO_THREATS_FOUND"));
    proxy.close_on(id(&files[1]));
    let answer = app.deliver(in_sqs(&results)).await.unwrap();
    let failed = json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] });
    assert_eq!(answer, failed);
    assert_eq!(blocked(&world, &files[0]).await, Value::Null);
    assert_eq!(blocked(&world, &files[1]).await, "scan_pending");
    proxy.heal();
    app.deliver(in_sqs(&results)).await.unwrap();
    assert_eq!(blocked(&world, &files[1]).await, Value::Null);
}

#[tokio::test]
async fn without_require_scan_nothing_changes() {
    let world = World::with(&[("WRITE_ONCE", "true")]).await;
    let file = hello(&world).await;
    assert_eq!(blocked(&world, &file).await, Value::Null);
    // Results that arrive meanwhile apply once REQUIRE_SCAN is set.
    world
        .deliver(scan(&world, &file, ETAG, "THREATS_FOUND"))
        .await
        .unwrap();
    assert_eq!(blocked(&world, &file).await, Value::Null);
    let gated = world.app(&GATED);
    assert_eq!(blocked(&gated, &file).await, "scan_threats");
}

fn named<T>(made: Result<T, ConfigError>) -> Option<String> {
    let error = made.err()?.to_string();
    let (_, rest) = error.split_once("configuration: ").expect("a variable");
    rest.split_once(' ').map(|(name, _)| name.to_owned())
}

/// The variable that each function names when it does not start; `None` if it starts.
async fn refusals(env: &Variables) -> [Option<String>; 5] {
    let with_quota = &amended(env.clone(), &[("USER_QUOTA_BYTES", "5")])
        .into_iter()
        .collect();
    let env: &Environment = &env.clone().into_iter().collect();
    [
        named(Presign::from_env(env)),
        named(PresignQuota::from_env(with_quota).await),
        named(SaveMetadata::from_env(env).await),
        named(Files::from_env(env).await),
        named(RecordUpload::from_env(env).await),
    ]
}

#[tokio::test]
async fn no_function_starts_without_what_require_scan_needs() {
    let mut env = basics("http://127.0.0.1:9");
    let database = "postgres://alice:password@127.0.0.1:9/x".to_owned();
    env.insert("DATABASE_URL".to_owned(), database);
    let public = ("PUBLIC_BASE_URL", "https://cdn.test");
    for (variables, named) in [
        (&GATED[..], None),
        (&[public], None),
        (&GATED[..1], Some("WRITE_ONCE")),
        (&[GATED[0], ("WRITE_ONCE", "false")], Some("WRITE_ONCE")),
        (&[GATED[0], GATED[1], public], Some("PUBLIC_BASE_URL")),
        (&[("REQUIRE_SCAN", "perhaps")], Some("REQUIRE_SCAN")),
    ] {
        let refusals = refusals(&amended(env.clone(), variables)).await;
        let expected = named.map(str::to_owned);
        assert!(
            refusals.iter().all(|refusal| *refusal == expected),
            "{variables:?}: {refusals:?}"
        );
    }
}
