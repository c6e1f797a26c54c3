//! `record-upload`: an event names a key to check. It may be lost, late, duplicated or reordered.

use futures_util::future::join_all;
use insta::assert_json_snapshot;
use serde_json::{Value, json};
use slipway_testkit::HttpProxy;

use crate::world::{App, Events, World, put};

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().unwrap()
}

/// The counters of a report that are not zero.
pub(crate) fn found(report: &Value) -> Value {
    let mut found = report.as_object().expect("a report").clone();
    found.retain(|_, count| *count != json!(0));
    found.into()
}

/// SQS messages around these notifications.
fn sqs(notifications: &[Value]) -> Value {
    let messages: Vec<_> = notifications
        .iter()
        .enumerate()
        .map(|(at, body)| {
            json!({ "messageId": at.to_string(), "body": body.to_string(), "eventSource": "aws:sqs" })
        })
        .collect();
    json!({ "Records": messages })
}

#[tokio::test]
async fn a_file_that_is_never_confirmed_is_recorded() {
    let world = World::new().await;
    let presigned = world
        .put_new(
            "alice",
            "Übergröße 写真 (1)+%20'.jpg",
            "image/jpeg",
            b"hello",
        )
        .await;
    assert!(world.list("alice").await.is_empty());
    let reports = world.deliver_events(Events::Once).await;
    assert_eq!(reports.len(), 1);
    assert_json_snapshot!(reports[0], @r#"
    {
      "deleted": 0,
      "failed": 0,
      "foreign": 0,
      "forgotten": 0,
      "missing": 0,
      "previews": 0,
      "recorded": 1,
      "refused": 0,
      "scanned": 0,
      "stale": 0,
      "unchanged": 0,
      "unknown": 0
    }
    "#);
    let listed = world.list("alice").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], presigned["id"]);
    assert_eq!(listed[0]["fileName"], "Übergröße 写真 (1)+%20'.jpg");
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn the_order_of_call_and_event_makes_no_difference() {
    let world = World::new().await;
    let first = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    world.save("alice", &first).await.expect(201);
    let by_call = world.row(id(&first)).await.unwrap();
    let reports = world.deliver_events(Events::Doubled).await;
    for report in reports {
        assert_eq!(found(&report), json!({ "unchanged": 1 }));
    }
    assert_eq!(world.row(id(&first)).await.unwrap(), by_call);

    let second = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let reports = world.deliver_events(Events::Once).await;
    assert_eq!(found(&reports[0]), json!({ "recorded": 1 }));
    let mut by_event = world.row(id(&second)).await.unwrap();
    world.save("alice", &second).await.expect(200);
    assert_eq!(world.row(id(&second)).await.unwrap(), by_event);
    // The row is the same, whichever came first.
    for column in ["id", "object_key", "file_url", "upload_timestamp"] {
        by_event[column] = by_call[column].clone();
    }
    assert_eq!(by_event, by_call);
    assert_eq!(world.usage("alice").await, (2, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_concurrent_records_make_one_row() {
    let world = World::new().await;
    for _ in 0..3 {
        let presigned = world
            .put_new("alice", "a.txt", "text/plain", b"hello")
            .await;
        let event = &world.notifications().await[0];
        let before = world.usage("alice").await;
        // Each has functions of its own, connected before they all start.
        let apps: Vec<App> = (0..10).map(|_| world.app(&[])).collect();
        let warm = apps
            .iter()
            .enumerate()
            .map(|(at, app)| warm_up(app, at % 2 == 0));
        join_all(warm).await;
        let calls = apps.iter().enumerate().map(|(at, app)| {
            let (event, presigned) = (event.clone(), &presigned);
            async move {
                if at % 2 == 0 {
                    let report = app.deliver(event).await.unwrap();
                    u64::from(found(&report) == json!({ "recorded": 1 }))
                } else {
                    let answer = app.save("alice", presigned).await;
                    let created = answer.status == 201;
                    answer.expect(if created { 201 } else { 200 });
                    u64::from(created)
                }
            }
        });
        let created: u64 = join_all(calls).await.iter().sum();
        assert_eq!(created, 1, "one of them has recorded it");
        let (files, bytes) = before;
        assert_eq!(world.usage("alice").await, (files + 1, bytes + 5));
        let answers = join_all(apps.iter().map(|app| app.save("alice", &presigned))).await;
        let files: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.expect(200))
            .collect();
        assert!(
            files
                .iter()
                .all(|file| file["file"]["etag"] == files[0]["file"]["etag"])
        );
    }
    assert_eq!(world.list("alice").await.len(), 3);
}

async fn warm_up(app: &App, by_event: bool) {
    if by_event {
        app.deliver(json!({})).await.unwrap();
    } else {
        let nothing = json!({ "objectKey": "" });
        app.save("alice", &nothing)
            .await
            .refused(400, "invalid_key");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_overwrites_end_with_the_object_in_s3() {
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.txt", "text/plain", b"0").await;
    // All within a second or two, so that S3's timestamps do not order them.
    for round in 1..=5 {
        let bytes = vec![b'x'; round * 10];
        assert_eq!(put(&presigned, &bytes).await.status(), 200);
        let told = world.notifications().await;
        let apps: Vec<App> = (0..4).map(|_| world.app(&[])).collect();
        let deliveries = apps.iter().map(|app| app.deliver(told[0].clone()));
        for report in join_all(deliveries).await {
            assert_eq!(report.unwrap()["failed"], 0);
        }
        let file = &world.list("alice").await[0];
        assert_eq!(file["size"], bytes.len());
        assert_eq!(
            world.usage("alice").await,
            (1, file["size"].as_u64().unwrap())
        );
    }
}

#[tokio::test]
async fn overwrites_move_size_and_usage_in_any_order_of_events() {
    for how in [Events::Once, Events::Doubled, Events::Reversed] {
        let world = World::new().await;
        let presigned = world
            .put_new("alice", "a.txt", "text/plain", b"hello")
            .await;
        world.save("alice", &presigned).await.expect(201);
        assert_eq!(put(&presigned, b"longer than before").await.status(), 200);
        assert_eq!(put(&presigned, b"short").await.status(), 200);
        assert_eq!(put(&presigned, b"the last").await.status(), 200);
        world.deliver_events(how).await;
        let files = world.list("alice").await;
        assert_eq!(files.len(), 1, "{how:?}");
        assert_eq!(
            (&files[0]["id"], &files[0]["size"]),
            (&presigned["id"], &json!(8)),
            "{how:?}"
        );
        assert_eq!(world.usage("alice").await, (1, 8), "{how:?}");
        let bytes = world.read(&files[0]["url"]).await.bytes().await.unwrap();
        assert_eq!(bytes, "the last");
    }
}

#[tokio::test]
async fn without_events_the_client_records_the_file() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    assert!(world.deliver_events(Events::Dropped).await.is_empty());
    assert!(world.list("alice").await.is_empty());
    world.save("alice", &presigned).await.expect(201);
}

#[tokio::test]
async fn a_removal_by_hand_drops_the_row() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let kept = world.upload("alice", "b.txt", "text/plain", b"hello").await;
    let created = world.notifications().await;
    world.remove_object(key(&file)).await;
    let reports = world.deliver_events(Events::Doubled).await;
    assert_eq!(found(&reports[0]), json!({ "forgotten": 1 }));
    assert_eq!(found(&reports[1]), json!({ "missing": 1 }));
    assert_eq!(world.row(id(&file)).await, None);
    assert_eq!(world.usage("alice").await, (1, 5));
    let one = world.get("alice", &format!("/files/{}", id(&file))).await;
    one.refused(404, "not_found");
    // An old event of its creation does not restore it.
    let report = world.deliver(created[0].clone()).await.unwrap();
    assert_eq!(found(&report), json!({ "missing": 1 }));
    assert_eq!(world.list("alice").await[0]["id"], kept["id"]);
    world
        .save("alice", &file)
        .await
        .refused(409, "upload_not_found");
}

#[tokio::test]
async fn a_late_removal_event_changes_nothing() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    world.remove_object(key(&presigned)).await;
    assert_eq!(put(&presigned, b"again").await.status(), 200);
    world.save("alice", &presigned).await.expect(201);
    for report in world.deliver_events(Events::Reversed).await {
        assert_eq!(found(&report), json!({ "unchanged": 1 }));
    }
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn an_object_over_the_limit_is_refused_and_removed() {
    let world = World::with(&[("MAX_UPLOAD_BYTES", "4")]).await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let reports = world.deliver_events(Events::Doubled).await;
    assert_eq!(found(&reports[0]), json!({ "refused": 1 }));
    assert_eq!(found(&reports[1]), json!({ "missing": 1 }));
    assert!(world.is_empty().await);
    world
        .save("alice", &presigned)
        .await
        .refused(413, "file_too_large");
}

#[tokio::test]
async fn messages_fail_individually() {
    let world = World::new().await;
    let proxy = HttpProxy::before(&world.endpoint()).await;
    let app = world.app(&[("S3_ENDPOINT", &proxy.endpoint())]);
    let mut files = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        files.push(world.put_new("alice", name, "text/plain", b"hello").await);
    }
    let batch = sqs(&world.notifications().await);
    proxy.close_on(id(&files[1]));
    let answer = app.deliver(batch.clone()).await.unwrap();
    assert_json_snapshot!(answer, @r#"
    {
      "batchItemFailures": [
        {
          "itemIdentifier": "1"
        }
      ]
    }
    "#);
    let listed: Vec<_> = world
        .list("alice")
        .await
        .iter()
        .map(|file| id(file).to_owned())
        .collect();
    assert_eq!(listed, [id(&files[2]), id(&files[0])]);
    // SQS delivers it again.
    proxy.heal();
    let answer = app.deliver(batch).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(world.usage("alice").await, (3, 15));
}

#[tokio::test]
async fn a_direct_event_fails_as_a_whole() {
    let world = World::new().await;
    let proxy = HttpProxy::before(&world.endpoint()).await;
    let app = world.app(&[("S3_ENDPOINT", &proxy.endpoint())]);
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let event = world.notifications().await.remove(0);
    proxy.close_on(id(&file));
    app.deliver(event.clone()).await.unwrap_err();
    proxy.heal();
    let report = app.deliver(event).await.unwrap();
    assert_eq!(found(&report), json!({ "recorded": 1 }));
}

#[tokio::test]
async fn a_thousand_records_of_one_key_are_checked_once() {
    let world = World::new().await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        world.put_new("alice", name, "text/plain", b"hello").await;
    }
    let told = world.notifications().await;
    let records: Vec<&Value> = told
        .iter()
        .cycle()
        .take(3000)
        .map(|event| &event["Records"][0])
        .collect();
    let report = world.deliver(json!({ "Records": records })).await.unwrap();
    assert_eq!(found(&report), json!({ "recorded": 3 }));
    let again: Vec<Value> = told.iter().cycle().take(30).cloned().collect();
    let answer = world.deliver(sqs(&again)).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(world.usage("alice").await, (3, 15));
}

#[tokio::test]
async fn meaningless_events_are_acknowledged() {
    let world = World::new().await;
    for (event, unknown) in [
        (json!(null), 1),
        (json!([]), 1),
        (json!("x"), 1),
        (json!({}), 1),
        (json!({ "Records": [] }), 1),
        (json!({ "Records": [null, 5, {}] }), 3),
        (json!({ "Records": [{ "eventSource": "aws:sns" }] }), 1),
    ] {
        let report = world.deliver(event.clone()).await.unwrap();
        assert_eq!(found(&report), json!({ "unknown": unknown }), "{event}");
    }
    let bodies = [
        json!(null),
        json!({}),
        json!({ "Event": "s3:TestEvent" }),
        json!([]),
    ];
    let answer = world.deliver(sqs(&bodies)).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    let bodiless = json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "1" }] });
    let answer = world.deliver(bodiless).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
}

#[tokio::test]
async fn the_content_of_an_event_is_not_trusted() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let mut event = world.notifications().await.remove(0);
    let object = &mut event["Records"][0]["s3"]["object"];
    object["size"] = 999.into();
    object["eTag"] = "forged".into();
    world.deliver(event.clone()).await.unwrap();
    let row = world.row(id(&presigned)).await.unwrap();
    assert_eq!(
        (&row["size"], &row["etag"]),
        (&json!(5), &json!("5d41402abc4b2a76b9719d911017c592"))
    );
    // Neither that an object was removed, nor that it exists.
    event["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
    let report = world.deliver(event).await.unwrap();
    assert_eq!(found(&report), json!({ "unchanged": 1 }));
    assert_eq!(world.usage("alice").await, (1, 5));
}
