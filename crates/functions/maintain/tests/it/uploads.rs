//! Abandoned multipart uploads are aborted, and rows of ended uploads are dropped.

use slipway_maintain::{ABORTED_AGE, Options, UPLOAD_AGE};
use slipway_testkit::HttpProxy;

use crate::world::{World, key, run, uploads};

const OLD: &str = "7 days 1 minute";
const YOUNG: &str = "6 days 23 hours 59 minutes";

fn dry() -> Options {
    Options {
        apply: false,
        ..uploads()
    }
}

#[tokio::test]
async fn what_nobody_finished_within_a_week_is_ended() {
    let world = World::new().await;
    assert_eq!(UPLOAD_AGE.as_secs(), 7 * 24 * 3600);
    let young = world.begin(&key("alice", "a"), YOUNG).await;
    let old = world.begin(&key("bob", "b"), OLD).await;
    assert_eq!(world.run(&dry()).await.numbers(), "closed 1");
    assert_eq!(world.s3_uploads().await, [young.clone(), old]);
    assert_eq!(world.rows("multipart_uploads").await.len(), 2);

    assert_eq!(world.run(&uploads()).await.numbers(), "aborted 1, closed 1");
    assert_eq!(world.s3_uploads().await, [young]);
    assert_eq!(world.rows("multipart_uploads").await.len(), 1);
    assert_eq!(world.run(&uploads()).await.numbers(), "");
}

#[tokio::test]
async fn rows_of_what_is_over_go() {
    let world = World::new().await;
    // Recorded from an event. The client never called complete.
    let recorded = key("alice", "recorded");
    let id = world.begin(&recorded, "1 minute").await;
    world.finish(&recorded, &id).await;
    world.recorder().await.record(&recorded).await.unwrap();
    // The same, and then deleted.
    let deleted = key("alice", "deleted");
    let id = world.begin(&deleted, "1 minute").await;
    world.finish(&deleted, &id).await;
    world.recorder().await.record(&deleted).await.unwrap();
    world.delete(&deleted).await;
    // Aborted by a lifecycle rule: neither an upload nor an object exists.
    let ended = key("bob", "ended");
    let id = world.begin(&ended, OLD).await;
    let abort = world.s3.abort_multipart_upload().bucket("uploads");
    abort
        .key(ended.as_str())
        .upload_id(id)
        .send()
        .await
        .unwrap();
    assert_eq!(world.run(&uploads()).await.numbers(), "closed 3");
    assert!(world.rows("multipart_uploads").await.is_empty());
    assert_eq!(world.live().await, [recorded.as_str()]);
}

#[tokio::test]
async fn a_file_that_nobody_heard_of_is_recorded_first() {
    let world = World::new().await;
    let key = key("alice", "a");
    let id = world.begin(&key, OLD).await;
    // Completed at the last moment, without an event.
    world.finish(&key, &id).await;
    assert_eq!(
        world.run(&uploads()).await.numbers(),
        "closed 1, recorded 1"
    );
    world.check().await;
    assert!(world.rows("multipart_uploads").await.is_empty());
}

#[tokio::test]
async fn what_was_given_up_is_remembered_for_a_day() {
    let world = World::new().await;
    assert_eq!(ABORTED_AGE.as_secs(), 24 * 3600);
    // S3 failed at the abort, so the upload still exists.
    for hours in [23, 25] {
        let id = world.begin(&key("alice", "a"), "2 days").await;
        world
            .sql(&format!(
                "UPDATE multipart_uploads SET aborted_at = now() - interval '{hours} hours' WHERE upload_id = '{id}'"
            ))
            .await;
    }
    assert_eq!(world.run(&uploads()).await.numbers(), "aborted 1, closed 1");
    assert_eq!(world.rows("multipart_uploads").await.len(), 1);
}

/// A proxy that answers `ListMultipartUploads` with `listed` and forwards all other requests to S3.
async fn listing(world: &World, listed: &[(&str, &str, &str)]) -> HttpProxy {
    let fault = HttpProxy::before(&world.endpoint()).await;
    let mut list = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>".to_owned();
    for (key, id, initiated) in listed {
        let upload =
            format!("<Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{initiated}</Initiated>");
        list.extend(["<Upload>", &upload, "</Upload>"]);
    }
    list.push_str("</ListMultipartUploadsResult>");
    fault.respond(move |line, _| {
        let uploads = line.starts_with("GET") && line.contains("uploads&");
        uploads.then(|| (200, list.clone()))
    });
    fault
}

#[tokio::test]
async fn old_uploads_without_a_row_are_ended() {
    let world = World::new().await;
    let mut begun = Vec::new();
    for owner in ["known", "stray", "young", "zz"] {
        let key = key(owner, "a");
        let id = world.begin(&key, "1 minute").await;
        begun.push((key, id));
    }
    let [known, stray, young, foreign] = &begun[..] else {
        unreachable!("four")
    };
    for (_, id) in [stray, young] {
        world
            .sql(&format!(
                "DELETE FROM multipart_uploads WHERE upload_id = '{id}'"
            ))
            .await;
    }
    let now = "2999-01-01T00:00:00.000Z";
    let fault = listing(
        &world,
        &[
            (known.0.as_str(), &known.1, "2020-01-01T00:00:00.000Z"),
            (stray.0.as_str(), &stray.1, "2020-01-01T00:00:00.000Z"),
            (young.0.as_str(), &young.1, now),
            ("backups/other", &foreign.1, "2020-01-01T00:00:00.000Z"),
        ],
    )
    .await;
    let endpoint = fault.endpoint();
    let maintain = world.maintain(&[("S3_ENDPOINT", &endpoint)]).await;
    let shown = run(&maintain, &dry()).await;
    assert_eq!(shown.numbers(), "aborted 1, foreign 1");
    assert_eq!(world.s3_uploads().await.len(), 4);
    let done = run(&maintain, &uploads()).await;
    assert_eq!(done.numbers(), "aborted 1, foreign 1");
    let left = world.s3_uploads().await;
    assert!(left.len() == 3 && !left.contains(&stray.1), "{left:?}");
}

#[tokio::test]
async fn no_row_goes_before_s3_has_answered() {
    let world = World::new().await;
    let old = world.begin(&key("alice", "a"), OLD).await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let endpoint = fault.endpoint();
    let maintain = world.maintain(&[("S3_ENDPOINT", &endpoint)]).await;
    for (begin, status) in [("DELETE", 500), ("DELETE", 403), ("HEAD", 403)] {
        fault.refuse(begin, status);
        let ran = run(&maintain, &uploads()).await;
        assert!(!ran.summary.is_ok(), "{begin} {status}: {ran:?}");
        assert_eq!(
            world.rows("multipart_uploads").await.len(),
            1,
            "{begin} {status}"
        );
    }
    // A missing bucket has neither uploads nor objects, so its responses prove nothing.
    let wrong = world.maintain(&[("S3_BUCKET_NAME", "wrong")]).await;
    assert!(run(&wrong, &uploads()).await.summary.stopped.is_some());
    assert_eq!(world.rows("multipart_uploads").await.len(), 1);
    fault.heal();
    // S3 had aborted the upload before it answered the HEAD with 403.
    assert_eq!(run(&maintain, &uploads()).await.numbers(), "closed 1");
    assert!(!world.s3_uploads().await.contains(&old));
}

#[tokio::test]
async fn it_is_a_part_of_everything() {
    let world = World::new().await;
    world.begin(&key("alice", "a"), OLD).await;
    let all = Options {
        task: slipway_maintain::Task::All,
        ..uploads()
    };
    assert_eq!(world.run(&all).await.numbers(), "aborted 1, closed 1");
}
