//! Completing an upload while other requests, S3 or `maintain` work on it.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::future::join_all;
use serde_json::Value;

use crate::world::{BUCKET, Events, MIB, World};

/// Completes the one part of `begun` in S3, without any function.
pub(crate) async fn complete_by_hand(world: &World, begun: &Value) {
    let upload_id = world.s3_id(begun).await;
    let key = begun["objectKey"].as_str().unwrap();
    let s3 = world.s3().await;
    let parts = s3
        .list_parts()
        .bucket(BUCKET)
        .key(key)
        .upload_id(&upload_id);
    let parts = Box::pin(parts.send()).await.unwrap();
    let etag = parts.parts()[0].e_tag().unwrap().to_owned();
    let part = CompletedPart::builder().part_number(1).e_tag(etag).build();
    let upload = CompletedMultipartUpload::builder().parts(part).build();
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key(key);
    let complete = complete.upload_id(upload_id).multipart_upload(upload);
    Box::pin(complete.send()).await.unwrap();
}

#[tokio::test]
async fn the_event_may_arrive_first() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    complete_by_hand(&world, &begun).await;
    let reports = world.deliver_events(Events::Once).await;
    assert_eq!(reports[0]["recorded"], 1);
    // The list does not show an open upload any more, although its row still exists.
    assert_eq!(world.upload_rows().await.len(), 1);
    assert!(world.open_uploads("alice").await.is_empty());
    for (method, of) in [("GET", ""), ("POST", "parts")] {
        let answer = world.about("alice", method, &begun, of).await;
        answer.refused(404, "not_found");
    }
    let file = world.complete("alice", &begun).await.expect(200)["file"].clone();
    assert_eq!(file["size"], 5);
    assert!(world.upload_rows().await.is_empty());
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn an_upload_that_s3_has_completed_is_recorded() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    complete_by_hand(&world, &begun).await;
    // Neither an event nor a call has recorded it yet.
    world
        .about("alice", "GET", &begun, "")
        .await
        .refused(404, "not_found");
    world.complete("alice", &begun).await.expect(201);
    world.complete("alice", &begun).await.expect(200);
    assert_eq!(world.usage("alice").await, (1, 5));
}

/// S3 reports "no such upload" for an upload that it is still completing, and the row is closed
/// because of that.
#[tokio::test]
async fn an_upload_that_was_closed_too_early_is_recorded() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    complete_by_hand(&world, &begun).await;
    let close = "UPDATE multipart_uploads SET aborted_at = now()";
    assert_eq!(world.sql().await.execute(close, &[]).await.unwrap(), 1);
    world.complete("alice", &begun).await.expect(201);
    assert!(world.upload_rows().await.is_empty());
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn an_upload_that_s3_has_aborted_is_gone() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    // As a lifecycle rule does.
    let upload_id = world.s3_id(&begun).await;
    let abort = world.s3().await.abort_multipart_upload().bucket(BUCKET);
    let abort = abort
        .key(begun["objectKey"].as_str().unwrap())
        .upload_id(upload_id);
    Box::pin(abort.send()).await.unwrap();
    world
        .about("alice", "GET", &begun, "")
        .await
        .refused(404, "not_found");
    for _ in 0..2 {
        world
            .complete("alice", &begun)
            .await
            .refused(404, "not_found");
        assert!(world.open_uploads("alice").await.is_empty());
    }
    world.abort("alice", &begun).await.expect(200);
}

#[tokio::test]
async fn parts_of_a_wrong_length_are_missing() {
    let world = World::new().await;
    let begun = world.begin("alice", 5 * MIB + 3).await;
    let upload_id = world.s3_id(&begun).await;
    world
        .part_by_hand(&begun, &upload_id, 1, &vec![0; 5 * MIB])
        .await;
    world.part_by_hand(&begun, &upload_id, 2, b"1234").await;
    let sentence = world
        .complete("alice", &begun)
        .await
        .refused(409, "parts_missing");
    assert!(sentence.contains(": 2."), "{sentence}");
    // A part beyond the last is not part of the file.
    world.part_by_hand(&begun, &upload_id, 2, b"123").await;
    world.part_by_hand(&begun, &upload_id, 3, b"more").await;
    let file = world.complete("alice", &begun).await.expect(201)["file"].clone();
    assert_eq!(file["size"], 5 * MIB + 3);
}

#[tokio::test]
async fn write_once_keeps_what_is_there() {
    let world = World::with(&[("WRITE_ONCE", "true")]).await;
    let begun = world.uploaded("alice", b"hello").await;
    let key = begun["objectKey"].as_str().unwrap();
    world.put_object(key, "text/plain", b"there before").await;
    let file = world.complete("alice", &begun).await.expect(201)["file"].clone();
    assert_eq!(file["size"], 12);
    assert_eq!(world.object(key).await.unwrap(), b"there before");
    assert!(world.s3_uploads().await.is_empty() && world.upload_rows().await.is_empty());
    // Without WRITE_ONCE, the later upload counts.
    let app = world.app(&[("WRITE_ONCE", "")]);
    let begun = app.uploaded("alice", b"hello").await;
    let key = begun["objectKey"].as_str().unwrap();
    world.put_object(key, "text/plain", b"there before").await;
    app.complete("alice", &begun).await.expect(201);
    assert_eq!(world.object(key).await.unwrap(), b"hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_record_one_file() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    let apps: Vec<_> = (0..6).map(|_| world.app(&[])).collect();
    let calls = apps.iter().map(|app| app.complete("alice", &begun));
    let mut statuses: Vec<_> = join_all(calls)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 201]);
    assert_eq!(world.usage("alice").await, (1, 5));
    assert!(world.upload_rows().await.is_empty());
}
