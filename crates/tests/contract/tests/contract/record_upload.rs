//! `record-upload`: events only say "look at this key", and come as they please.

use futures_util::future::join_all;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::world::{App, Events, World, put};

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().unwrap()
}

/// What a report counts, without its zeros.
pub(crate) fn found(report: &Value) -> Value {
    let counts = report.as_object().expect("a report").iter();
    let found: serde_json::Map<_, _> = counts
        .filter(|(_, count)| **count != json!(0))
        .map(|(name, count)| (name.clone(), count.clone()))
        .collect();
    found.into()
}

/// Messages of SQS around these notifications.
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
async fn a_file_whose_client_never_confirms_appears() {
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
    // Whoever was first, the row says the same.
    for column in ["id", "object_key", "file_url", "upload_timestamp"] {
        by_event[column] = by_call[column].clone();
    }
    assert_eq!(by_event, by_call);
    assert_eq!(world.usage("alice").await, (2, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_at_once_make_one_row() {
    let world = World::new().await;
    for _ in 0..3 {
        let presigned = world
            .put_new("alice", "a.txt", "text/plain", b"hello")
            .await;
        let event = &world.told().await[0];
        let before = world.usage("alice").await;
        // Functions of their own, connected before they all start.
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
async fn overwrites_at_once_end_with_what_s3_has() {
    let world = World::new().await;
    let presigned = world.put_new("alice", "a.txt", "text/plain", b"0").await;
    // All within a second or two, so that S3's times do not tell them apart.
    for round in 1..=5 {
        let bytes = vec![b'x'; round * 10];
        assert_eq!(put(&presigned, &bytes).await.status(), 200);
        let told = world.told().await;
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
async fn events_that_are_lost_leave_it_to_the_client() {
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
    let created = world.told().await;
    world.remove_object(key(&file)).await;
    let reports = world.deliver_events(Events::Doubled).await;
    assert_eq!(found(&reports[0]), json!({ "forgotten": 1 }));
    assert_eq!(found(&reports[1]), json!({ "missing": 1 }));
    assert_eq!(world.row(id(&file)).await, None);
    assert_eq!(world.usage("alice").await, (1, 5));
    let one = world.get("alice", &format!("/files/{}", id(&file))).await;
    one.refused(404, "not_found");
    // An old event of its creation does not bring it back.
    let report = world.deliver(created[0].clone()).await.unwrap();
    assert_eq!(found(&report), json!({ "missing": 1 }));
    assert_eq!(world.list("alice").await[0]["id"], kept["id"]);
    world
        .save("alice", &file)
        .await
        .refused(409, "upload_not_found");
}

#[tokio::test]
async fn a_removal_that_is_late_changes_nothing() {
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
async fn messages_fail_one_by_one() {
    let world = World::new().await;
    let gate = Gate::before(&world.endpoint()).await;
    let app = world.app(&[("S3_ENDPOINT", &gate.endpoint())]);
    let mut files = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt"] {
        files.push(world.put_new("alice", name, "text/plain", b"hello").await);
    }
    let batch = sqs(&world.told().await);
    gate.shut_for(id(&files[1]));
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
    gate.open();
    let answer = app.deliver(batch).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(world.usage("alice").await, (3, 15));
}

#[tokio::test]
async fn a_direct_event_fails_as_a_whole() {
    let world = World::new().await;
    let gate = Gate::before(&world.endpoint()).await;
    let app = world.app(&[("S3_ENDPOINT", &gate.endpoint())]);
    let file = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let event = world.told().await.remove(0);
    gate.shut_for(id(&file));
    app.deliver(event.clone()).await.unwrap_err();
    gate.open();
    let report = app.deliver(event).await.unwrap();
    assert_eq!(found(&report), json!({ "recorded": 1 }));
}

#[tokio::test]
async fn an_event_that_says_the_same_a_thousand_times_is_one_look() {
    let world = World::new().await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        world.put_new("alice", name, "text/plain", b"hello").await;
    }
    let told = world.told().await;
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
async fn what_means_nothing_is_acknowledged() {
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
async fn an_event_is_not_believed() {
    let world = World::new().await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let mut event = world.told().await.remove(0);
    let object = &mut event["Records"][0]["s3"]["object"];
    object["size"] = 999.into();
    object["eTag"] = "forged".into();
    world.deliver(event.clone()).await.unwrap();
    let row = world.row(id(&presigned)).await.unwrap();
    assert_eq!(
        (&row["size"], &row["etag"]),
        (&json!(5), &json!("5d41402abc4b2a76b9719d911017c592"))
    );
    // Nor that something was removed, or that something is there.
    event["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
    let report = world.deliver(event).await.unwrap();
    assert_eq!(found(&report), json!({ "unchanged": 1 }));
    assert_eq!(world.usage("alice").await, (1, 5));
}
