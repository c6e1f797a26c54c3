//! Claims of events, their outcomes, and the wake-up of `notify`.

use std::collections::HashSet;
use std::time::Duration;

use slipway_core::{FileId, ScanStatus};
use slipway_db::webhooks::{Attempted, ClaimedEvent, Settled, Sighting};
use slipway_db::{Db, Recorded};
use slipway_testkit::{TestDatabase, database};
use time::OffsetDateTime;

use crate::support::{file, key, object, record, user};

const LEASE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

async fn world(files: u64) -> (TestDatabase, Db) {
    let database = database();
    let db = database.db().with_events(true);
    for size in 0..files {
        file(&db, "alice", size).await;
    }
    (database, db)
}

async fn claim(db: &Db) -> Vec<ClaimedEvent> {
    db.claim_events(100, LEASE).await.expect("claimed")
}

/// Lets time pass: moves every time that the queries compare with the clock into the past.
async fn pass(database: &TestDatabase, time: Duration) {
    let seconds = time.as_secs_f64();
    let sql = format!(
        "UPDATE webhook_events SET due_at = due_at - make_interval(secs => {seconds}),
                first_attempt_at = first_attempt_at - make_interval(secs => {seconds});
         UPDATE webhook_wake SET wake_at = wake_at - make_interval(secs => {seconds})"
    );
    let admin = database.admin().await;
    admin.batch_execute(&sql).await.expect("aged");
}

fn failed(seconds: u64) -> Attempted {
    Attempted::Failed("status 500".to_owned(), Duration::from_secs(seconds))
}

async fn settle(db: &Db, event: &ClaimedEvent, attempted: Attempted) -> Settled {
    let attempts = [(event, attempted)];
    let settled = db.settle_events(&attempts, DAY).await;
    settled.expect("settled")
}

#[tokio::test]
async fn an_event_is_claimed_by_one_process_until_its_lease_ends() {
    let (database, db) = world(40).await;
    let others: Vec<Db> = (0..4).map(|_| database.db()).collect();
    let claims = others.iter().map(|db| db.claim_events(10, LEASE));
    let claims = futures_util::future::join_all(claims).await;
    let claimed: Vec<_> = claims
        .into_iter()
        .flat_map(|one| one.expect("claimed"))
        .collect();
    let distinct: HashSet<_> = claimed.iter().map(|event| event.id).collect();
    assert_eq!(distinct.len(), claimed.len());
    let rest = claim(&db).await;
    assert_eq!(rest.len() + claimed.len(), 40);
    pass(
        &database,
        LEASE.checked_sub(Duration::from_secs(20)).unwrap(),
    )
    .await;
    assert!(claim(&db).await.is_empty());
    pass(&database, Duration::from_secs(20)).await;
    let again = claim(&db).await;
    assert_eq!(again.len(), 40);
    assert!(again.iter().all(|event| event.attempt == 2));
}

#[tokio::test]
async fn a_claim_describes_the_change_and_not_what_came_after_it() {
    let (_database, db) = world(0).await;
    let key = key("alice");
    let Recorded::Created(first) = record(&db, &object(&key, 3, "a", 1)).await else {
        panic!("not created");
    };
    let Recorded::Updated(second) = record(&db, &object(&key, 4, "b", 2)).await else {
        panic!("not updated");
    };
    let set = db.set_scan_status(&key, "b", ScanStatus::Threats).await;
    set.expect("set");
    db.delete_files(&user("alice"), &[key.id()])
        .await
        .expect("deleted");
    let mut claimed = claim(&db).await;
    claimed.sort_by_key(|event| event.id);
    let shown: Vec<_> = claimed
        .iter()
        .map(|event| (event.kind.as_str(), event.detail.as_deref(), &event.file))
        .collect();
    let expected = [
        ("file.recorded", None, &first),
        ("file.recorded", None, &second),
        ("file.scanned", Some("threats"), &second),
        ("file.deleted", None, &second),
    ];
    assert_eq!(shown, expected);
    assert!(claimed.iter().all(|event| event.user == "alice"));
}

#[tokio::test]
async fn a_late_failure_changes_nothing_and_a_late_success_counts() {
    let (database, db) = world(1).await;
    let first = claim(&db).await.remove(0);
    pass(&database, LEASE).await;
    let second = claim(&db).await.remove(0);
    assert_eq!(settle(&db, &first, failed(5)).await, Settled::default());
    // The lease of the second attempt still holds.
    pass(&database, Duration::from_secs(6)).await;
    assert!(claim(&db).await.is_empty());
    settle(&db, &first, Attempted::Delivered).await;
    pass(&database, DAY).await;
    assert!(claim(&db).await.is_empty());
    assert_eq!(settle(&db, &second, failed(5)).await, Settled::default());
    pass(&database, DAY).await;
    assert!(claim(&db).await.is_empty());
}

#[tokio::test]
async fn an_event_fails_after_a_day_of_attempts_and_can_be_replayed() {
    let (database, db) = world(2).await;
    // Notify was not running for two days. Nothing has failed by that.
    pass(&database, 2 * DAY).await;
    let events = claim(&db).await;
    let stopped = settle(&db, &events[0], Attempted::Stopped).await;
    assert_eq!(stopped, Settled::default());
    let waiting = Settled {
        failed: 0,
        waiting: 1,
    };
    assert_eq!(settle(&db, &events[1], failed(5)).await, waiting);
    let hour = Duration::from_hours(1);
    let mut passed = Duration::ZERO;
    loop {
        pass(&database, hour).await;
        passed += hour;
        let event = claim(&db).await.remove(0);
        let settled = settle(&db, &event, failed(3600)).await;
        // Some milliseconds of the test itself pass as well.
        assert_eq!(
            settled.waiting,
            u64::from(passed + hour < DAY),
            "{passed:?}"
        );
        if settled.failed == 1 {
            break;
        }
    }
    assert_eq!(passed, DAY.checked_sub(hour).unwrap());
    pass(&database, DAY).await;
    assert!(claim(&db).await.is_empty());
    let admin = database.admin().await;
    let row = "SELECT outcome, problem, due_at IS NULL FROM webhook_events ORDER BY outcome";
    let rows = admin.query(row, &[]).await.expect("rows");
    let shown: Vec<(String, Option<String>, bool)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let failed = ("failed".to_owned(), Some("status 500".to_owned()), true);
    assert_eq!(shown, [failed, ("stopped".to_owned(), None, true)]);

    let since = OffsetDateTime::now_utc() - Duration::from_mins(5);
    let later = OffsetDateTime::now_utc() + Duration::from_mins(5);
    for (since, all, apply, expected) in [
        (later, true, true, 0),
        (since, true, false, 2),
        (since, false, false, 1),
        (since, false, true, 1),
        (since, false, true, 0),
        (since, true, true, 1),
    ] {
        let replayed = db.replay_events(since, all, apply).await;
        assert_eq!(replayed.expect("replayed"), expected);
    }
    assert_eq!(claim(&db).await.len(), 2);
}

#[tokio::test]
async fn only_old_events_expire() {
    let (database, db) = world(3).await;
    let week = Duration::from_hours(7 * 24);
    let admin = database.admin().await;
    let age = |days: i32, ended: i32| {
        format!(
        "UPDATE webhook_events SET id = (lpad(to_hex((extract(epoch FROM now() - interval '{days} days') * 1000)::bigint),
            12, '0') || '7' || substr(md5(id::text), 1, 3) || '8' || substr(md5(id::text), 4, 15))::uuid,
            created_at = now() - interval '{days} days', outcome = 'failed', due_at = NULL,
            ended_at = now() - interval '{ended} days'
         WHERE size = {ended}"
    )
    };
    // The files of `world` have the sizes 0, 1 and 2.
    admin.batch_execute(&age(8, 0)).await.expect("aged");
    admin.batch_execute(&age(8, 1)).await.expect("aged");
    assert_eq!(db.expire_events(week, true).await.expect("none"), 0);
    admin
        .batch_execute(
            "UPDATE webhook_events SET ended_at = now() - interval '8 days' WHERE size = 1",
        )
        .await
        .expect("aged");
    assert_eq!(db.expire_events(week, false).await.expect("counted"), 1);
    assert_eq!(db.expire_events(week, true).await.expect("deleted"), 1);
    assert_eq!(db.expire_events(week, true).await.expect("again"), 0);
}

#[tokio::test]
async fn one_message_wakes_notify_for_all_pending_events() {
    let (database, db) = world(2).await;
    let plan = async |messages: &[&str]| {
        let messages: Vec<String> = messages.iter().map(|id| (*id).to_owned()).collect();
        let wake = db.plan_wake(&messages).await.expect("planned");
        // The test itself takes time, so the times are multiples of 100 seconds.
        wake.map(|wake| (wake.as_secs() + 50) / 100 * 100)
    };
    let events = claim(&db).await;
    settle(&db, &events[0], failed(1000)).await;
    settle(&db, &events[1], failed(3000)).await;
    assert_eq!(plan(&["a", "b"]).await, Some(1000));
    // Another message has nothing to do. The same one may have died before it could send.
    assert_eq!(plan(&["c"]).await, None);
    assert_eq!(plan(&["b", "a"]).await, Some(1000));
    // An earlier event needs an earlier message.
    file(&db, "alice", 9).await;
    let event = claim(&db).await.remove(0);
    settle(&db, &event, failed(500)).await;
    assert_eq!(plan(&["c"]).await, Some(500));
    assert_eq!(plan(&["d"]).await, None);
    // When its time has come, the next message plans again.
    for (time, rest) in [(510, Some(500)), (510, Some(2000)), (2000, None)] {
        pass(&database, Duration::from_secs(time)).await;
        for event in claim(&db).await {
            settle(&db, &event, Attempted::Delivered).await;
        }
        assert_eq!(plan(&["e"]).await, rest);
    }
}

#[tokio::test]
async fn a_change_that_was_reported_before_it_was_recorded_is_waited_for() {
    let (_database, db) = world(0).await;
    let key = key("alice");
    let stored = object(&key, 3, "a", 1);
    let at = |seconds: u64| stored.last_modified + Duration::from_secs(seconds);
    let sighting = |id: FileId, etag: &str, scanned: bool, seconds: u64| Sighting {
        id,
        etag: etag.to_owned(),
        scanned,
        at: at(seconds),
    };
    let unseen = async || {
        let sightings = [
            sighting(key.id(), "a", false, 0),
            sighting(key.id(), "b", false, 9),
            sighting(key.id(), "a", true, 0),
        ];
        let mut unseen = db.unseen(&sightings).await.expect("answered");
        unseen.sort_unstable();
        unseen
    };
    assert_eq!(unseen().await, [0, 1, 2]);
    let _ = record(&db, &stored).await;
    assert_eq!(unseen().await, [1, 2]);
    let set = db.set_scan_status(&key, "a", ScanStatus::NoThreats).await;
    set.expect("set");
    assert_eq!(unseen().await, [1]);
    let _ = record(&db, &object(&key, 3, "b", 11)).await;
    assert_eq!(unseen().await, [] as [usize; 0]);
    db.delete_files(&user("alice"), &[key.id()])
        .await
        .expect("deleted");
    assert_eq!(unseen().await, [] as [usize; 0]);
}
