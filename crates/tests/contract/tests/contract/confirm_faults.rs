//! `save-metadata` with `objectKeys`: the order of the keys under a quota, rows that cannot be stored
//! or read, and objects that are overwritten meanwhile.

use std::sync::Arc;

use serde_json::{Value, json};
use slipway_testkit::{HttpObserver, HttpProxy, Passing};
use tokio::sync::Semaphore;

use crate::confirm::{codes, put, results};
use crate::world::World;

/// The first key would only fit after the second one has shrunk. Single requests in this order
/// refuse it, so the batch does as well.
#[tokio::test]
async fn a_later_key_that_shrinks_makes_no_room_for_an_earlier_one() {
    let world = World::new().await;
    let shrunk = put(&world, "1", b"six!!!").await;
    results(&world, std::slice::from_ref(&shrunk)).await;
    let next = time::OffsetDateTime::now_utc().truncate_to_second() + time::Duration::seconds(2);
    world.server.stop_clock(next);
    world
        .put_object(shrunk.as_str().unwrap(), "text/plain", b"1")
        .await;
    let first = put(&world, "2", b"five!").await;
    let last = put(&world, "3", b"five!").await;
    let app = world.app(&[("USER_QUOTA_BYTES", "10")]);
    let found = results(&app, &[first, shrunk, last]).await;
    assert_eq!(codes(&found), ["quota_exceeded", "", ""]);
    assert_eq!(world.usage("alice").await, (2, 6));
}

/// A fault of one key is the result of this key, also if Postgres cannot store its row or we cannot
/// read it.
#[tokio::test]
async fn one_row_that_cannot_be_stored_or_read_fails_alone() {
    let world = World::new().await;
    let broken = world.upload("alice", "1", "text/plain", b"1").await;
    let gone = world.upload("alice", "2", "text/plain", b"22").await;
    world
        .sql()
        .await
        .batch_execute(
            "UPDATE s3_files SET metadata = '7';
             ALTER TABLE s3_files ADD CONSTRAINT some_names CHECK (file_name <> 'unstorable')",
        )
        .await
        .unwrap();
    world
        .remove_object(gone["objectKey"].as_str().unwrap())
        .await;
    let keys = [
        put(&world, "3", b"333").await,
        broken["objectKey"].clone(),
        put(&world, "unstorable", b"4444").await,
        gone["objectKey"].clone(),
        put(&world, "5", b"55555").await,
    ];
    let expected = ["", "internal", "internal", "internal", ""];
    for _ in 0..2 {
        assert_eq!(codes(&results(&world, &keys).await), expected);
    }
    let alone = results(&world, &keys[2..3]).await;
    assert_eq!(codes(&alone), ["internal"]);
    assert_eq!(world.usage("alice").await, (4, 11));
    // A quota that has no room for all reads the rows first.
    let more = [
        keys[0].clone(),
        keys[1].clone(),
        keys[4].clone(),
        put(&world, "6", b"666666").await,
    ];
    let app = world.app(&[("USER_QUOTA_BYTES", "12")]);
    let found = results(&app, &more).await;
    let expected = ["", "internal", "", "quota_exceeded"];
    assert_eq!(codes(&found), expected);
    assert_eq!(world.usage("alice").await, (4, 11));
}

/// While the HEAD of another key takes its time, the object is overwritten and the event records
/// the overwrite. The batch, which has an older HEAD, must not undo that.
#[tokio::test]
async fn an_overwrite_between_head_and_statement_stays() {
    let world = World::new().await;
    let start = time::OffsetDateTime::now_utc().truncate_to_second();
    for later in [0, 1] {
        world.server.stop_clock(start);
        let (key, slow) = (put(&world, "a", b"1").await, put(&world, "b", b"2").await);
        let (gate, held) = hold(&world, &key, &slow);
        let app = world.app(&[("S3_ENDPOINT", &gate.endpoint())]);
        let keys = [key.clone(), slow];
        let (found, ()) = tokio::join!(results(&app, &keys), async {
            // HEAD and GET of the key have responses, and HEAD of the other key has none yet.
            held.arrived.acquire_many(3).await.unwrap().forget();
            let now = start + time::Duration::seconds(later);
            world.server.stop_clock(now);
            world
                .put_object(key.as_str().unwrap(), "text/plain", b"overwritten")
                .await;
            let recorded = json!({ "objectKey": key });
            let file = world.save("alice", &recorded).await.expect(201);
            assert_eq!(file["file"]["size"], 11);
            held.released.add_permits(1);
        });
        assert_eq!(found[0]["file"]["size"], 11, "{later}");
        let id = found[0]["file"]["id"].as_str().unwrap();
        let shown = world.get("alice", &format!("/files/{id}")).await;
        assert_eq!(shown.expect(200)["file"]["size"], 11, "{later}");
    }
}

struct Held {
    arrived: Semaphore,
    released: Semaphore,
}

/// S3, where `slow` has no response until it is released.
fn hold(world: &World, key: &Value, slow: &Value) -> (HttpProxy, Arc<Held>) {
    let held = Arc::new(Held {
        arrived: Semaphore::new(0),
        released: Semaphore::new(0),
    });
    let shared = Arc::clone(&held);
    let text = |key: &Value| key.as_str().unwrap().to_owned();
    let (key, slow) = (text(key), text(slow));
    let observer: HttpObserver = Arc::new(move |passing, head| {
        let is_slow = passing == Passing::Request && head.contains(&slow);
        let is_known = passing == Passing::Response && head.contains(&key);
        if is_known || is_slow && head.starts_with("HEAD") {
            shared.arrived.add_permits(1);
        }
        let held = Arc::clone(&shared);
        Box::pin(async move {
            if is_slow {
                // The permit returns, so that every request for the key passes.
                drop(held.released.acquire().await);
            }
        })
    });
    let gate = HttpProxy::observed(&world.endpoint(), observer);
    gate.open();
    (gate, held)
}
