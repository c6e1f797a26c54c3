//! Changes of files reach the application: each once or more often, signed, and as the API shows the
//! file.

mod hooked;

use std::time::Duration;

use serde_json::{Value, json};
use slipway_emulators::s3::ObjectEvent;
use slipway_emulators::webhook::{WebhookAnswer, WebhookReceiver};
use tokio::time::Instant;

use crate::world::{Events, World};
use hooked::{Hooked, SECRET, invoke, notify};

/// The file of the API, as an event shows it.
fn shown(file: &Value) -> Value {
    let mut file = file.clone();
    let members = file.as_object_mut().expect("a file");
    for only_in_answers in ["url", "urlExpiresAt", "previewUrl", "urlBlocked"] {
        members.remove(only_in_answers);
    }
    file
}

#[tokio::test]
async fn an_application_is_told_of_every_change_with_the_file_of_the_api() {
    let rules = r#"{"avatar": {"maxBytes": 1000}, "default": {}}"#;
    let mut hooked = Hooked::new(&[
        ("UPLOAD_RULES", rules),
        ("REQUIRE_SCAN", "true"),
        ("WRITE_ONCE", "true"),
    ])
    .await;
    let ask = json!({ "fileName": "Ä \"quoted\".txt", "contentType": "text/plain", "rule": "avatar",
        "metadata": { "album": "2026", "b": "é\\" } });
    let presigned = hooked.world.presign("alice", ask).await;
    hooked.world.put(&presigned, b"hello").await;
    let file = hooked.world.save("alice", &presigned).await.expect(201)["file"].take();
    hooked.changes(true).await;
    let deliveries = hooked.work().await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    let delivery = &deliveries[0];
    assert_eq!(delivery.problem, None);
    assert_eq!(delivery.body["type"], "file.recorded");
    let expected = json!({ "userId": "alice", "file": shown(&file) });
    assert_eq!(delivery.body["data"], expected);
    let timestamp = delivery.body["timestamp"].as_str().expect("a time");
    assert!(timestamp.ends_with('Z'), "{timestamp}");

    // A scan, the same scan again, and the delete.
    let scanner = hooked.world.server.scanner();
    let scan = scanner
        .scan(presigned["objectKey"].as_str().unwrap())
        .expect("scanned");
    for _ in 0..2 {
        hooked.world.deliver(scan.clone()).await.expect("taken");
        hooked.queue.send(&scan);
    }
    let deliveries = hooked.work().await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    let expected = json!({ "userId": "alice", "file": shown(&file), "scanStatus": "no_threats" });
    assert_eq!(deliveries[0].body["data"], expected);
    assert_eq!(deliveries[0].body["type"], "file.scanned");
    let id = file["id"].as_str().expect("an id");
    hooked.world.delete("alice", id).await.expect(200);
    hooked.world.delete("alice", id).await.expect(404);
    hooked.changes(true).await;
    let deliveries = hooked.work().await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    assert_eq!(deliveries[0].body["type"], "file.deleted");
    assert_eq!(deliveries[0].body["data"]["file"], shown(&file));

    // Refused.
    let large = json!({ "fileName": "b.txt", "contentType": "text/plain", "rule": "avatar" });
    let large = hooked.world.presign("bob", large).await;
    hooked.world.put(&large, &[7; 2000]).await;
    hooked.changes(true).await;
    hooked.changes(true).await;
    let deliveries = hooked.work().await;
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    let body = &deliveries[0].body;
    assert_eq!(body["type"], "file.refused");
    assert_eq!(body["data"]["userId"], "bob");
    assert_eq!(body["data"]["reason"], "file_too_large");
    assert_eq!(body["data"]["file"]["size"], 2000);
    assert!(hooked.queue.bodies().is_empty());
}

#[tokio::test]
async fn an_event_is_sent_again_until_the_application_accepts_it() {
    let mut hooked = Hooked::new(&[]).await;
    hooked.app.answer(WebhookAnswer::Status(503));
    hooked
        .world
        .upload("alice", "a.txt", "text/plain", b"hello")
        .await;
    hooked.changes(true).await;
    let first = hooked.work().await;
    assert_eq!(first.len(), 1);
    let mut waits = Vec::new();
    for _ in 0..7 {
        // One message waits in the queue, for the next attempt.
        let [message] = hooked.queue.bodies().try_into().expect("one message");
        let message: Value = serde_json::from_str(&message).unwrap();
        let due = message["not_before"].as_i64().unwrap();
        let now = time::OffsetDateTime::now_utc().unix_timestamp() * 1000;
        let wait = Duration::from_millis(u64::try_from(due - now).unwrap());
        assert_eq!(hooked.work().await.len(), 0);
        hooked.pass(wait + Duration::from_secs(2)).await;
        let again = hooked.work().await;
        assert_eq!(again.len(), 1);
        assert_eq!(
            (&again[0].id, &again[0].text),
            (&first[0].id, &first[0].text)
        );
        assert_eq!(again[0].problem, None);
        waits.push(wait.as_secs());
    }
    for (wait, least) in waits.iter().zip([4, 19, 79, 319, 1279, 3599, 3599]) {
        let most = ((least + 1) * 6 / 5).min(3600) + 2;
        assert!((least..=most).contains(wait), "{waits:?}");
    }
    hooked.app.answer(WebhookAnswer::Status(204));
    hooked.pass(Duration::from_hours(1)).await;
    assert_eq!(hooked.work().await.len(), 1);
    assert!(hooked.queue.bodies().is_empty());
    let outcome = ("file.recorded".to_owned(), Some("delivered".to_owned()));
    assert_eq!(hooked.outcomes().await, [outcome]);
}

#[tokio::test]
async fn an_event_fails_after_a_day_and_410_stops_it_at_once() {
    let mut hooked = Hooked::new(&[]).await;
    hooked.app.answer(WebhookAnswer::Status(410));
    hooked
        .world
        .upload("alice", "a.txt", "text/plain", b"hello")
        .await;
    hooked.changes(true).await;
    assert_eq!(hooked.work().await.len(), 1);
    assert!(hooked.queue.bodies().is_empty());
    // A redirect is not followed, wherever it leads.
    let mut other = WebhookReceiver::start(SECRET).await.expect("another");
    hooked.app.answer(WebhookAnswer::Redirect(other.url()));
    hooked
        .world
        .upload("alice", "b.txt", "text/plain", b"hello")
        .await;
    hooked.changes(true).await;
    let mut attempts = 0;
    loop {
        attempts += hooked.work().await.len();
        if hooked.queue.bodies().is_empty() {
            break;
        }
        hooked.pass(Duration::from_hours(1)).await;
    }
    // One at once, one after each hour that passed, and none after a day.
    assert_eq!(attempts, 24);
    assert_eq!(other.taken().len(), 0);
    let outcomes = hooked.outcomes().await;
    let outcomes: Vec<_> = outcomes.iter().map(|one| one.1.as_deref()).collect();
    assert_eq!(outcomes, [Some("stopped"), Some("failed")]);
}

#[tokio::test]
async fn nothing_is_lost_if_notify_runs_before_the_change_is_recorded() {
    let mut hooked = Hooked::new(&[]).await;
    hooked
        .world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    let events = hooked.world.take_events().await;
    hooked.queue.send(&events[0].to_eventbridge());
    // The same event twice, as EventBridge may deliver it.
    hooked.queue.send(&events[0].to_eventbridge());
    assert_eq!(hooked.work().await.len(), 0);
    assert_eq!(hooked.queue.bodies().len(), 1);
    hooked.pass(Duration::from_secs(3)).await;
    assert_eq!(hooked.work().await.len(), 0);
    let recorded = events.iter().map(ObjectEvent::to_s3_notification);
    for event in recorded {
        hooked.world.deliver(event).await.expect("recorded");
    }
    hooked.pass(Duration::from_secs(3)).await;
    assert_eq!(hooked.work().await.len(), 1);
    assert!(hooked.queue.bodies().is_empty());
}

#[tokio::test]
async fn many_failing_events_leave_one_message() {
    let mut hooked = Hooked::new(&[]).await;
    hooked.app.answer(WebhookAnswer::Status(500));
    for at in 0..40 {
        let name = format!("{at}.txt");
        hooked
            .world
            .put_new("alice", &name, "text/plain", b"hello")
            .await;
    }
    hooked.changes(true).await;
    assert_eq!(hooked.work().await.len(), 40);
    let wakes = hooked.queue.bodies();
    // Each has a later due time than the one before, or is the only one.
    assert!(wakes.len() <= 3, "{wakes:?}");
    hooked.app.answer(WebhookAnswer::Status(200));
    for _ in 0..3 {
        hooked.pass(Duration::from_secs(10)).await;
        hooked.work().await;
    }
    assert!(
        hooked.queue.bodies().is_empty(),
        "{:?}",
        hooked.queue.bodies()
    );
    let outcomes = hooked.outcomes().await;
    assert!(
        outcomes
            .iter()
            .all(|one| one.1.as_deref() == Some("delivered"))
    );
}

#[tokio::test]
async fn a_slow_application_and_none_at_all_are_failures() {
    let mut hooked = Hooked::new(&[]).await;
    hooked.app.answer(WebhookAnswer::Nothing);
    hooked
        .world
        .upload("alice", "a.txt", "text/plain", b"hello")
        .await;
    hooked.changes(true).await;
    let started = Instant::now();
    assert_eq!(hooked.work().await.len(), 1);
    assert!(started.elapsed() >= Duration::from_secs(10));
    let problem = async |hooked: &Hooked| -> String {
        let sql = "SELECT problem FROM webhook_events";
        let rows = hooked.world.sql().await.query(sql, &[]).await.unwrap();
        rows[0].get(0)
    };
    assert_eq!(problem(&hooked).await, "no answer within 10 s");
    // Nothing listens on this port.
    let closed = "http://127.0.0.1:9/secret";
    hooked.notify = notify(&hooked.world, &hooked.queue, closed).await;
    hooked.pass(Duration::from_mins(1)).await;
    assert_eq!(hooked.work().await.len(), 0);
    assert_eq!(problem(&hooked).await, "no connection");
}

/// If Postgres does not respond, every message returns to the queue.
#[tokio::test]
async fn messages_return_while_postgres_does_not_respond() {
    let mut hooked = Hooked::new(&[]).await;
    hooked
        .world
        .upload("alice", "a.txt", "text/plain", b"hello")
        .await;
    hooked.changes(true).await;
    let stop = "ALTER TABLE webhook_events RENAME TO hidden";
    hooked.world.sql().await.batch_execute(stop).await.unwrap();
    assert_eq!(hooked.work().await.len(), 0);
    assert_eq!(hooked.queue.bodies().len(), 1);
    assert!(invoke(&hooked.notify, json!({})).await.is_err());
    let start = "ALTER TABLE hidden RENAME TO webhook_events";
    hooked.world.sql().await.batch_execute(start).await.unwrap();
    hooked.queue.pass_time();
    assert_eq!(hooked.work().await.len(), 1);
    assert!(hooked.queue.bodies().is_empty());
    assert_eq!(hooked.queue.dead_letters(), [] as [&str; 0]);
    // By hand or by a schedule, without a message.
    hooked
        .world
        .upload("alice", "b.txt", "text/plain", b"hello")
        .await;
    invoke(&hooked.notify, json!({})).await.expect("delivered");
    assert_eq!(hooked.app.taken().len(), 1);
}

/// A message that comes too early is sent again. A failure of another message of its batch must not
/// add a copy each time.
#[tokio::test]
async fn messages_do_not_multiply_while_postgres_does_not_respond() {
    let mut hooked = Hooked::new(&[]).await;
    let hour = time::OffsetDateTime::now_utc() + time::Duration::HOUR;
    let early = json!({ "source": "slipway.notify", "not_before": hour.unix_timestamp() * 1000 });
    hooked.queue.send(&early);
    hooked
        .world
        .upload("alice", "a.txt", "text/plain", b"hello")
        .await;
    hooked.changes(true).await;
    let stop = "ALTER TABLE webhook_events RENAME TO hidden";
    hooked.world.sql().await.batch_execute(stop).await.unwrap();
    for _ in 0..3 {
        assert_eq!(hooked.work().await.len(), 0);
        hooked.queue.pass_time();
        assert_eq!(hooked.queue.bodies().len(), 2);
    }
    let start = "ALTER TABLE hidden RENAME TO webhook_events";
    hooked.world.sql().await.batch_execute(start).await.unwrap();
    assert_eq!(hooked.work().await.len(), 1);
    let [left] = hooked.queue.bodies().try_into().expect("one message");
    assert!(left.contains("not_before"), "{left}");
}

#[tokio::test]
async fn without_webhooks_there_are_no_events() {
    let world = World::new().await;
    world.upload("alice", "a.txt", "text/plain", b"hello").await;
    world.deliver_events(Events::Doubled).await;
    let rows = world
        .sql()
        .await
        .query("SELECT FROM webhook_events", &[])
        .await;
    assert_eq!(rows.unwrap().len(), 0);
}
