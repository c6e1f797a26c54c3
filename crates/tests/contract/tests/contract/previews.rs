//! Previews: each picture has exactly one or a recorded reason, whatever order events come in and
//! wherever the function stops.

use jpeg_encoder::{ColorType, Encoder};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_maintain::Maintain;
use slipway_preview::MakePreviews;

use crate::world::{BUCKET, Events, World};

/// A photo in one colour, with its place in its metadata.
pub(crate) fn photo(width: u16, height: u16) -> Vec<u8> {
    coloured(width, height, [200, 80, 40])
}

fn coloured(width: u16, height: u16, colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    let place = b"MM\0*\0\0\0\x08\0\0GPS48.8584N2.29E";
    encoder.add_exif_metadata(place).unwrap();
    let data = colour.repeat(usize::from(width) * usize::from(height));
    encoder
        .encode(&data, width, height, ColorType::Rgb)
        .unwrap();
    bytes
}

async fn function(world: &World) -> MakePreviews {
    let mut variables = world.variables("preview");
    variables.insert("PREVIEWS".to_owned(), "true".to_owned());
    let env: Environment = variables.into_iter().collect();
    MakePreviews::from_env(&env).await.unwrap()
}

async fn invoke(world: &World, payload: Value) -> Result<Value, lambda_runtime::Error> {
    let event = LambdaEvent::new(payload, Context::default());
    Box::pin(function(world).await.handle(event)).await
}

/// Delivers an event of `key` through SQS, for the `deliveries`th time.
pub(crate) async fn deliver(world: &World, key: &str, deliveries: u32) -> Result<(), String> {
    let body = json!({ "source": "aws.s3", "detail-type": "Object Created",
        "detail": { "bucket": { "name": BUCKET }, "object": { "key": key } } });
    let payload = json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "m",
        "attributes": { "ApproximateReceiveCount": deliveries.to_string() }, "body": body.to_string() }] });
    let answer = invoke(world, payload)
        .await
        .map_err(|error| error.to_string())?;
    match answer["batchItemFailures"].as_array().map(Vec::len) {
        Some(0) => Ok(()),
        _ => Err(answer.to_string()),
    }
}

async fn make_missing(world: &World) {
    let answer = invoke(world, json!({ "missing": true })).await.unwrap();
    assert_eq!(answer, json!({ "left": false }));
}

async fn reconcile(world: &World) {
    let env: Environment = world.variables("maintain-function").into_iter().collect();
    let maintain = Maintain::from_env(&env).await.unwrap();
    let event = LambdaEvent::new(json!({ "task": "all" }), Context::default());
    Box::pin(maintain.handle(event)).await.unwrap();
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().unwrap()
}

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

/// The key of a file's preview.
fn preview_key(file: &Value) -> String {
    let (folder, _) = key(file).rsplit_once('/').unwrap();
    format!("{folder}/!preview")
}

async fn shown(world: &World, file: &Value) -> Value {
    let target = format!("/files/{}", id(file));
    world.get("alice", &target).await.expect(200)["file"].take()
}

async fn reason(world: &World, file: &Value) -> Option<String> {
    let sql = format!(
        "SELECT preview_error FROM s3_files WHERE id = '{}'",
        id(file)
    );
    world.sql().await.query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_photo_has_a_small_preview_without_its_place() {
    let world = World::new().await;
    let saved = world
        .upload("alice", "a.jpg", "image/jpeg", &photo(1600, 1200))
        .await;
    assert_eq!(saved["previewUrl"], Value::Null);
    for deliveries in [1, 1, 2] {
        deliver(&world, key(&saved), deliveries).await.unwrap();
        let file = shown(&world, &saved).await;
        let listed = world.list("alice").await;
        assert_eq!(listed[0]["previewUrl"], file["previewUrl"]);
        let response = world.read(&file["previewUrl"]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "image/jpeg");
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.len() < 20_000);
        assert!(!bytes.windows(5).any(|part| part == b"GPS48"));
        assert_eq!(world.usage("alice").await.0, 1);
    }
    // The event of the preview itself does not name a file.
    world.deliver_events(Events::Once).await;
    deliver(&world, &preview_key(&saved), 1).await.unwrap();
    reconcile(&world).await;
    assert!(world.object(&preview_key(&saved)).await.is_some());
    assert_eq!(world.list("alice").await.len(), 1);

    world.delete("alice", id(&saved)).await.expect(200);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_batch_of_deletes_removes_previews_too() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["a.jpg", "b.jpg", "c.txt"] {
        let saved = world
            .upload("alice", name, "image/jpeg", &photo(20, 10))
            .await;
        if name != "c.txt" {
            deliver(&world, key(&saved), 1).await.unwrap();
        }
        ids.push(saved["id"].clone());
    }
    let ids = json!({ "ids": ids });
    world.post("alice", "/files/delete", ids).await.expect(200);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_replaced_photo_has_no_preview_until_there_is_a_new_one() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.jpg", "image/jpeg", &photo(100, 50))
        .await;
    let saved = world.save("alice", &presigned).await.expect(201)["file"].take();
    deliver(&world, key(&saved), 1).await.unwrap();
    let first = world.object(&preview_key(&saved)).await;

    world
        .put(&presigned, &coloured(100, 50, [20, 200, 60]))
        .await;
    // The event is faster than the row.
    deliver(&world, key(&saved), 1).await.unwrap_err();
    world.save("alice", &presigned).await.expect(200);
    assert_eq!(shown(&world, &saved).await["previewUrl"], Value::Null);
    deliver(&world, key(&saved), 2).await.unwrap();
    assert!(shown(&world, &saved).await["previewUrl"].is_string());
    assert_ne!(world.object(&preview_key(&saved)).await, first);

    // By bytes that are not a picture, although the Content-Type is one.
    world
        .put(&presigned, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
        .await;
    world.save("alice", &presigned).await.expect(200);
    deliver(&world, key(&saved), 1).await.unwrap();
    assert_eq!(world.object(&preview_key(&saved)).await, None);
    assert_eq!(shown(&world, &saved).await["previewUrl"], Value::Null);
    let reason = reason(&world, &saved).await;
    assert_eq!(
        reason.as_deref(),
        Some("not a picture of a supported format")
    );
}

#[tokio::test]
async fn a_broken_photo_has_a_reason_and_is_not_tried_again() {
    let world = World::new().await;
    let whole = photo(300, 200);
    let cut = &whole[..whole.len() / 2];
    let saved = world.upload("alice", "a.jpg", "image/jpeg", cut).await;
    deliver(&world, key(&saved), 1).await.unwrap();
    assert_eq!(
        reason(&world, &saved).await.as_deref(),
        Some("broken: it has no end")
    );
    assert_eq!(shown(&world, &saved).await["previewUrl"], Value::Null);
    let sql = "UPDATE s3_files SET preview_error = 'kept'";
    world.sql().await.batch_execute(sql).await.unwrap();
    deliver(&world, key(&saved), 1).await.unwrap();
    deliver(&world, key(&saved), 2).await.unwrap();
    make_missing(&world).await;
    assert_eq!(reason(&world, &saved).await.as_deref(), Some("kept"));
}

#[tokio::test]
async fn an_overwrite_that_is_refused_takes_the_preview_with_it() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.jpg", "image/jpeg", &photo(100, 50))
        .await;
    let saved = world.save("alice", &presigned).await.expect(201)["file"].take();
    deliver(&world, key(&saved), 1).await.unwrap();

    let large = vec![0; 20_000];
    world.put(&presigned, &large).await;
    let limited = world.app(&[("MAX_UPLOAD_BYTES", "10000")]);
    limited.save("alice", &presigned).await.expect(413);
    deliver(&world, key(&saved), 1).await.unwrap();
    assert_eq!(world.object(&preview_key(&saved)).await, None);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn files_that_are_no_pictures_cost_nothing() {
    let world = World::new().await;
    for kind in [
        "text/html",
        "image/svg+xml",
        "application/pdf",
        "text/plain",
    ] {
        let saved = world.upload("alice", "a.jpg", kind, &photo(30, 20)).await;
        deliver(&world, key(&saved), 1).await.unwrap();
        assert_eq!(world.object(&preview_key(&saved)).await, None, "{kind}");
        assert_eq!(reason(&world, &saved).await, None, "{kind}");
    }
}

#[tokio::test]
async fn a_stop_after_the_write_leaves_no_preview_of_other_bytes() {
    let world = World::new().await;
    let saved = world
        .upload("alice", "a.jpg", "image/jpeg", &photo(100, 50))
        .await;
    deliver(&world, key(&saved), 1).await.unwrap();
    let right = world.object(&preview_key(&saved)).await;
    // An older invocation wrote last, and was stopped before it read the row again.
    world
        .put_object(&preview_key(&saved), "image/jpeg", b"old")
        .await;
    deliver(&world, key(&saved), 2).await.unwrap();
    assert_eq!(world.object(&preview_key(&saved)).await, right);

    // The same for a file whose bytes are no picture by now, before the first decision.
    let other = world
        .upload("alice", "b.jpg", "image/jpeg", b"no picture")
        .await;
    world
        .put_object(&preview_key(&other), "image/jpeg", b"old")
        .await;
    deliver(&world, key(&other), 2).await.unwrap();
    assert_eq!(world.object(&preview_key(&other)).await, None);

    // The same for a file that is deleted by now.
    world.delete("alice", id(&saved)).await.expect(200);
    world
        .put_object(&preview_key(&saved), "image/jpeg", b"old")
        .await;
    deliver(&world, key(&saved), 2).await.unwrap();
    world.delete("alice", id(&other)).await.expect(200);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn what_was_lost_is_made_by_the_schedule_and_removed_by_maintain() {
    let world = World::new().await;
    let saved = world
        .upload("alice", "a.jpg", "image/jpeg", &photo(100, 50))
        .await;
    make_missing(&world).await;
    let right = world.object(&preview_key(&saved)).await;
    assert!(right.is_some());

    // The preview is removed by hand.
    world.remove_object(&preview_key(&saved)).await;
    reconcile(&world).await;
    assert_eq!(shown(&world, &saved).await["previewUrl"], Value::Null);
    make_missing(&world).await;
    assert_eq!(world.object(&preview_key(&saved)).await, right);

    // Previews without a file, before and behind others.
    for folder in ["aaa", "zzz"] {
        let orphan = format!("{folder}/01890a5d-ac96-774b-bcce-b302099a8057/!preview");
        world.put_object(&orphan, "image/jpeg", b"orphan").await;
    }
    reconcile_again(&world).await;
    assert_eq!(world.objects().await.len(), 2);
    assert_eq!(world.object(&preview_key(&saved)).await, right);
}

#[tokio::test]
async fn one_run_makes_all_missing_previews_wherever_it_begins() {
    let world = World::new().await;
    let mut files = Vec::new();
    for n in 0..5 {
        let name = format!("{n}.jpg");
        let bytes = photo(20 + n, 10);
        files.push(world.upload("alice", &name, "image/jpeg", &bytes).await);
    }
    make_missing(&world).await;
    for file in files {
        assert!(world.object(&preview_key(&file)).await.is_some(), "{file}");
    }
}

#[tokio::test]
async fn a_file_that_is_recorded_again_keeps_its_preview() {
    let world = World::new().await;
    let saved = world
        .upload("alice", "a.jpg", "image/jpeg", &photo(100, 50))
        .await;
    deliver(&world, key(&saved), 1).await.unwrap();
    // If a later step writes the object, it has other bytes.
    world
        .put_object(&preview_key(&saved), "image/jpeg", b"kept")
        .await;
    let sql = "DELETE FROM s3_files; DELETE FROM user_usage";
    world.sql().await.batch_execute(sql).await.unwrap();
    reconcile(&world).await;
    assert_eq!(shown(&world, &saved).await["id"], saved["id"]);
    let preview = world.object(&preview_key(&saved)).await;
    assert_eq!(preview.as_deref(), Some(b"kept".as_slice()));
}

#[tokio::test]
async fn an_event_waits_for_its_row_until_the_third_delivery() {
    let world = World::new().await;
    let key = "alice/01890a5d-ac96-774b-bcce-b302099a8057/a.jpg";
    world.put_object(key, "image/jpeg", &photo(30, 20)).await;
    deliver(&world, key, 1).await.unwrap_err();
    deliver(&world, key, 2).await.unwrap_err();
    deliver(&world, key, 3).await.unwrap();
}

/// A sweep is due once a day.
async fn reconcile_again(world: &World) {
    let sql = "DELETE FROM maintenance";
    world.sql().await.batch_execute(sql).await.unwrap();
    reconcile(world).await;
}

#[tokio::test]
async fn an_unscanned_photo_has_no_preview() {
    let world = World::with(&[("REQUIRE_SCAN", "true"), ("WRITE_ONCE", "true")]).await;
    let saved = world
        .upload("alice", "a.jpg", "image/jpeg", &photo(100, 50))
        .await;
    deliver(&world, key(&saved), 1).await.unwrap();
    assert_eq!(world.object(&preview_key(&saved)).await, None);
    let scan = world.server.scanner().scan(key(&saved)).unwrap();
    // Before `record-upload` has stored the result.
    invoke(&world, scan.clone()).await.unwrap();
    assert!(world.object(&preview_key(&saved)).await.is_some());
    assert_eq!(shown(&world, &saved).await["previewUrl"], Value::Null);
    world.deliver(scan).await.unwrap();
    let file = shown(&world, &saved).await;
    assert_eq!(world.read(&file["previewUrl"]).await.status(), 200);
}

#[tokio::test]
async fn public_files_have_public_previews() {
    let world = World::with(&[("PUBLIC_BASE_URL", "https://cdn.example")]).await;
    let saved = world
        .upload("alice", "a.jpg", "image/jpeg", &photo(100, 50))
        .await;
    deliver(&world, key(&saved), 1).await.unwrap();
    let expected = format!("https://cdn.example/alice/{}/%21preview", id(&saved));
    assert_eq!(shown(&world, &saved).await["previewUrl"], expected);
}
