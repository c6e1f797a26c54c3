//! `PATCH /files/{id}` while S3 fails, and while other requests change the same file.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slipway_testkit::{HttpFault, HttpProxy, Passing};
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::world::{Answer, App, Events, World, encoded};

/// The requests that reach S3.
mod requests;

/// Whether this is the copy of a rename. An upload has a query.
fn is_copy(line: &str) -> bool {
    line.starts_with("PUT") && !line.contains('?')
}

fn is_head(line: &str) -> bool {
    line.starts_with("HEAD")
}

async fn behind(world: &World) -> (HttpProxy, App) {
    let fault = HttpProxy::before(&world.endpoint()).await;
    let app = world.app(&[("S3_ENDPOINT", &fault.endpoint())]);
    (fault, app)
}

fn error(code: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n\n  <Error><Code>{code}</Code><Message>x</Message></Error>")
}

async fn rename(app: &App, file: &Value, name: &str) -> Answer {
    let id = file["id"].as_str().expect("an id");
    app.patch("alice", id, json!({ "fileName": name })).await
}

async fn upload(world: &World) -> Value {
    world.upload("alice", "a.txt", "text/plain", b"hello").await
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().expect("a key")
}

async fn name_in_s3(world: &World, file: &Value) -> String {
    world.described(key(file)).await["name"].clone()
}

#[tokio::test]
async fn an_error_inside_a_200_is_an_error() {
    let world = World::new().await;
    let file = upload(&world).await;
    for (status, body, expected) in [
        (200, error("InternalError"), (503, "unavailable")),
        (200, error("SlowDown"), (503, "unavailable")),
        (200, String::new(), (503, "unavailable")),
        (
            200,
            "<?xml version=\"1.0\"?>  ".to_owned(),
            (503, "unavailable"),
        ),
        (200, error("NoSuchKey"), (404, "not_found")),
        (200, error("PreconditionFailed"), (409, "file_changed")),
        (
            409,
            error("ConditionalRequestConflict"),
            (503, "unavailable"),
        ),
        (409, error("OperationAborted"), (503, "unavailable")),
        (412, error("PreconditionFailed"), (409, "file_changed")),
        (404, error("NoSuchKey"), (404, "not_found")),
        (404, error("NoSuchBucket"), (500, "internal")),
        (400, error("MetadataTooLarge"), (400, "invalid_request")),
        (403, error("InvalidObjectState"), (400, "invalid_request")),
        (403, error("AccessDenied"), (500, "internal")),
        (400, error("KMS.DisabledException"), (500, "internal")),
    ] {
        let (fault, app) = behind(&world).await;
        let shown = format!("{status} {body}");
        fault.respond(move |line, _| is_copy(line).then(|| (status, body.clone())));
        let answer = rename(&app, &file, "b.txt").await;
        assert_eq!((answer.status, answer.code()), expected, "{shown}");
        let row = world.row(file["id"].as_str().unwrap()).await.unwrap();
        assert_eq!(
            (&row["file_name"], &row["deleted_at"]),
            (&json!("a.txt"), &Value::Null)
        );
    }
    assert_eq!(name_in_s3(&world, &file).await, encoded("a.txt"));
}

#[tokio::test]
async fn a_single_fault_is_retried() {
    let world = World::new().await;
    let file = upload(&world).await;
    let faults = [
        HttpFault::Respond(200, error("InternalError")),
        HttpFault::Respond(409, error("ConditionalRequestConflict")),
        HttpFault::Respond(503, error("SlowDown")),
        HttpFault::Respond(500, error("InternalError")),
        HttpFault::Close,
        HttpFault::Reset,
        HttpFault::LoseResponse,
    ];
    for (at, one) in faults.into_iter().enumerate() {
        let (fault, app) = behind(&world).await;
        let failed = AtomicU32::new(0);
        fault.fail(move |line, _| {
            let first = is_copy(line) && failed.fetch_add(1, Ordering::SeqCst) == 0;
            first.then(|| one.clone())
        });
        let name = format!("{at}.txt");
        let renamed = rename(&app, &file, &name).await.expect(200);
        assert_eq!(renamed["file"]["fileName"], json!(name));
    }
}

/// The `ETag` of a file that was sent in parts changes, so a second copy fails by its condition.
#[tokio::test]
async fn a_lost_response_ends_in_the_real_state() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    let parts = world.complete("alice", &begun).await.expect(201)["file"].take();
    for file in [upload(&world).await, parts] {
        let (fault, app) = behind(&world).await;
        fault.fail(|line, _| is_copy(line).then_some(HttpFault::LoseResponse));
        let renamed = rename(&app, &file, "b.txt").await.expect(200);
        assert_eq!(renamed["file"]["fileName"], "b.txt");
        let etag = renamed["file"]["etag"].as_str().unwrap();
        assert_eq!(etag, "5d41402abc4b2a76b9719d911017c592");
    }
}

/// The process ends after the copy. The next request, an event and maintenance record it.
#[tokio::test]
async fn an_interrupted_rename_is_recorded_by_the_next_request() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    let file = world.complete("alice", &begun).await.expect(201)["file"].take();
    let (fault, app) = behind(&world).await;
    // The HEAD after the copy fails.
    let heads = AtomicU32::new(0);
    fault.respond(move |line, _| {
        let second = is_head(line) && heads.fetch_add(1, Ordering::SeqCst) > 0;
        second.then(|| (403, String::new()))
    });
    rename(&app, &file, "b.txt").await.refused(500, "internal");
    fault.fail(|line, _| is_copy(line).then(|| panic!("a second copy")));
    let renamed = rename(&app, &file, "b.txt").await.expect(200);
    assert_eq!(renamed["file"]["fileName"], "b.txt");
    assert_ne!(renamed["file"]["etag"], file["etag"]);
}

#[tokio::test]
async fn a_slow_copy_is_a_timeout_and_may_be_repeated() {
    let world = World::new().await;
    let file = upload(&world).await;
    for (act, name) in [
        (HttpFault::HoldResponse, "b.txt"),
        (HttpFault::Stall, "c.txt"),
    ] {
        let (fault, _) = behind(&world).await;
        let app = world.app(&[("S3_ENDPOINT", &fault.endpoint())]);
        let short = app.within(Duration::from_secs(3));
        fault.fail(move |line, _| is_copy(line).then(|| act.clone()));
        let began = Instant::now();
        rename(&short, &file, name).await.refused(504, "timeout");
        assert!(began.elapsed() < Duration::from_secs(3));
        fault.heal();
        let renamed = rename(&short, &file, name).await.expect(200);
        assert_eq!(renamed["file"]["fileName"], json!(name));
    }
}

/// A proxy that holds the first copy of a rename, before S3 receives it.
struct Held {
    app: App,
    _proxy: HttpProxy,
    arrived: std::sync::Arc<Notify>,
    go: std::sync::Arc<Notify>,
}

impl Held {
    fn new(world: &World) -> Self {
        let (arrived, go) = <(std::sync::Arc<Notify>, std::sync::Arc<Notify>)>::default();
        let (at, on) = (arrived.clone(), go.clone());
        let seen = AtomicU32::new(0);
        let proxy = HttpProxy::observed(
            &world.endpoint(),
            std::sync::Arc::new(move |passing, head: &str| {
                let copy = passing == Passing::Request && is_copy(head.lines().next().unwrap());
                let hold = copy && seen.fetch_add(1, Ordering::SeqCst) == 0;
                let (at, on) = (at.clone(), on.clone());
                Box::pin(async move {
                    if hold {
                        at.notify_one();
                        on.notified().await;
                    }
                })
            }),
        );
        proxy.open();
        Self {
            app: world.app(&[("S3_ENDPOINT", &proxy.endpoint())]),
            _proxy: proxy,
            arrived,
            go,
        }
    }

    /// The response to a rename, during which `meanwhile` runs: after the HEAD, before the copy.
    async fn rename(
        &self,
        file: &Value,
        name: &str,
        meanwhile: impl Future<Output = ()>,
    ) -> Answer {
        let between = async {
            self.arrived.notified().await;
            meanwhile.await;
            self.go.notify_one();
        };
        tokio::join!(rename(&self.app, file, name), between).0
    }
}

#[tokio::test]
async fn a_replaced_file_is_not_overwritten() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    world.save("alice", &presigned).await.expect(201);
    let held = Held::new(&world);
    let overwrite = async { drop(world.put(&presigned, b"other").await) };
    let answer = held.rename(&presigned, "b.txt", overwrite).await;
    answer.refused(409, "file_changed");
    assert_eq!(world.object(key(&presigned)).await.unwrap(), b"other");
    // The reply is about the file that is recorded now, so a repetition applies to it.
    let shown = &world.list("alice").await[0];
    assert_eq!(
        (&shown["fileName"], &shown["etag"]),
        (&json!("a.txt"), &json!("795f3202b17cb6bc3d4b771d8c6c9eaf"))
    );
    rename(&world, &presigned, "b.txt").await.expect(200);
    assert_eq!(world.object(key(&presigned)).await.unwrap(), b"other");
    world.deliver_events(Events::Reversed).await;
    assert_eq!(world.list("alice").await[0]["fileName"], "b.txt");
    assert_eq!(world.usage("alice").await, (1, 5));

    // Replaced before the request, and not recorded yet.
    world.put(&presigned, b"third").await;
    rename(&world, &presigned, "c.txt")
        .await
        .refused(409, "file_changed");
    rename(&world, &presigned, "c.txt").await.expect(200);
}

#[tokio::test]
async fn a_deleted_file_is_not_restored() {
    let world = World::new().await;
    let file = upload(&world).await;
    let held = Held::new(&world);
    let delete = async {
        drop(
            world
                .delete("alice", file["id"].as_str().unwrap())
                .await
                .expect(200),
        );
    };
    let answer = held.rename(&file, "b.txt", delete).await;
    answer.refused(404, "not_found");
    assert!(world.is_empty().await);
    assert!(world.is_tombstone(file["id"].as_str().unwrap()).await);
    assert_eq!(world.usage("alice").await, (0, 0));
}

/// The delete hides the file, and S3 copies before the object is removed: the rename removes it.
#[tokio::test]
async fn a_copy_within_a_delete_leaves_no_object() {
    let world = World::new().await;
    let file = upload(&world).await;
    let held = Held::new(&world);
    let broken = world.app(&[("AWS_SECRET_ACCESS_KEY", "an0therSecretKeyOfThisTest")]);
    // S3 refuses the delete, so the object stays after the row is a tombstone.
    let delete = async {
        drop(
            broken
                .delete("alice", file["id"].as_str().unwrap())
                .await
                .expect(200),
        );
    };
    let answer = held.rename(&file, "b.txt", delete).await;
    answer.refused(404, "not_found");
    assert!(world.is_empty().await);
    // Its events change nothing, twice and late.
    for report in world.deliver_events(Events::Doubled).await {
        assert_eq!(report["recorded"], 0, "{report}");
    }
    assert!(world.is_tombstone(file["id"].as_str().unwrap()).await);
}

/// An object that was removed by hand. The row stays for `maintain`, which drops it after a HEAD.
#[tokio::test]
async fn a_missing_object_is_not_found_and_its_row_stays() {
    let world = World::new().await;
    let file = upload(&world).await;
    world.remove_object(key(&file)).await;
    rename(&world, &file, "b.txt")
        .await
        .refused(404, "not_found");
    assert!(!world.is_tombstone(file["id"].as_str().unwrap()).await);
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn of_two_renames_at_once_both_see_a_complete_one() {
    let world = World::new().await;
    let now = OffsetDateTime::now_utc().truncate_to_second();
    for second in [0, 1] {
        world.server.stop_clock(now);
        let file = upload(&world).await;
        // Within the second of the upload, and in a later one.
        world.server.stop_clock(now + Duration::from_secs(second));
        let held = Held::new(&world);
        let other = async { drop(rename(&world, &file, "b.txt").await.expect(200)) };
        let renamed = held.rename(&file, "c.txt", other).await.expect(200);
        assert_eq!(renamed["file"]["fileName"], "c.txt");
        let mut events = world.notifications().await;
        events.reverse();
        for event in events {
            world.deliver(event).await.unwrap();
        }
        assert_eq!(name_in_s3(&world, &file).await, encoded("c.txt"));
        let shown = world.list("alice").await;
        assert_eq!(shown[0]["fileName"], "c.txt");
    }
    // The `ETag` of a file in parts changes, so only one rename applies.
    let begun = world.uploaded("alice", b"hello").await;
    let file = world.complete("alice", &begun).await.expect(201)["file"].take();
    let held = Held::new(&world);
    let other = async { drop(rename(&world, &file, "b.txt").await.expect(200)) };
    let answer = held.rename(&file, "c.txt", other).await;
    answer.refused(409, "file_changed");
    assert_eq!(name_in_s3(&world, &file).await, encoded("b.txt"));
}

/// The clocks of S3's servers differ: the copy seems older than the upload.
#[tokio::test]
async fn a_copy_that_seems_older_is_recorded() {
    let world = World::new().await;
    let now = OffsetDateTime::now_utc().truncate_to_second();
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    world.save("alice", &presigned).await.expect(201);
    for (earlier, name) in [(5, "b.txt"), (10, "c.txt")] {
        world.server.stop_clock(now - Duration::from_secs(earlier));
        let renamed = rename(&world, &presigned, name).await.expect(200);
        assert_eq!(renamed["file"]["fileName"], json!(name));
    }
    // An older version was restored by hand. The first request records it.
    world.server.stop_clock(now - Duration::from_secs(20));
    world.put(&presigned, b"older").await;
    let answer = rename(&world, &presigned, "d.txt").await;
    answer.refused(409, "file_changed");
    rename(&world, &presigned, "d.txt").await.expect(200);
}
