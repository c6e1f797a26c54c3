//! `--shards` of a rebuild: ranges of even size from a sample of the bucket, and resuming.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{FileId, FileName, ObjectKey, UserId};
use slipway_maintain::{Count, Deadline, Options, Report, Sampling};
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use crate::world::{World, rebuild, run, small};

const SHARDS: u32 = 4;

/// A key with a UUIDv7 from `ago` before now.
fn key(owner: &str, ago: Duration) -> ObjectKey {
    let at = OffsetDateTime::now_utc() - ago;
    let millis = u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap();
    let random = *Uuid::new_v4().as_bytes();
    let id = Builder::from_unix_timestamp_millis(millis, random[6..].try_into().unwrap());
    ObjectKey::new(
        UserId::parse(owner).unwrap(),
        FileId::from_uuid(id.into_uuid()).unwrap(),
        &FileName::parse("a").unwrap(),
    )
}

/// `files` keys of one owner, spread evenly over the last year.
fn year(owner: &str, files: u32) -> impl Iterator<Item = ObjectKey> {
    let step = Duration::from_hours(24 * 365) / files;
    (0..files).map(move |at| key(owner, step * at))
}

/// Limits so low that the bucket has more pages than a sample may read.
fn few_pages() -> Sampling {
    Sampling {
        page: 16,
        first_pages: 3,
        owner_pages: 20,
        owners: 40,
        busy_pages: 60,
        at_once: 8,
    }
}

async fn filled(keys: Vec<ObjectKey>) -> World {
    let world = World::new().await;
    stream::iter(keys)
        .for_each_concurrent(16, async |key| world.put(&key, "a", b"a").await)
        .await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_of_an_empty_table_are_even_whatever_the_owners_are_called() {
    let many = |name: fn(u128) -> String, owners: u128, files: u32| {
        let random = || Uuid::new_v4().as_u128();
        (0..owners)
            .flat_map(|at| year(&name(at << 64 | random() >> 64), files).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let half = || {
        let mut keys = many(|at| format!("user-{:05}", at >> 64), 40, 6);
        keys.extend(year("team", 120));
        // An import, all in one minute.
        keys.extend((0..120).map(|at| key("team", Duration::from_secs(9_000_000 + at / 2))));
        keys
    };
    let cases: [(&str, Vec<ObjectKey>); 7] = [
        (
            "user-00000",
            many(|at| format!("user-{:05}", at >> 64), 60, 8),
        ),
        (
            "auth0|hex",
            many(|at| format!("auth0|{:024x}", at << 40), 60, 8),
        ),
        (
            "google-oauth2|digits",
            many(
                |at| format!("google-oauth2|{:021}", at % 10_u128.pow(20)),
                60,
                8,
            ),
        ),
        ("UUIDs", many(|_| Uuid::new_v4().to_string(), 60, 8)),
        (
            "three teams",
            many(|at| format!("org_{:x}", at % 4096), 3, 160),
        ),
        ("one user", many(|_| "alice".to_owned(), 1, 480)),
        ("one user has half", half()),
    ];
    for (name, keys) in cases {
        let count = keys.len();
        let world = filled(keys).await;
        for (sampling, most) in [(Sampling::default(), 26), (few_pages(), 36)] {
            world
                .sql("TRUNCATE s3_files, user_usage, maintenance")
                .await;
            let options = Options {
                shards: SHARDS,
                sampling,
                ..rebuild()
            };
            let ran = world.run(&options).await;
            assert!(ran.summary.finished, "{name}: {ran:?}");
            assert_eq!(world.live().await.len(), count, "{name}");
            let sql = "SELECT (counters->>'objects')::int FROM maintenance ORDER BY shard";
            let rows = world.database.admin().await.query(sql, &[]).await.unwrap();
            let ranges: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
            let largest = usize::try_from(*ranges.iter().max().unwrap()).unwrap();
            println!(
                "{name}: {ranges:?} of {count}, about {}",
                ran.report.expected()
            );
            assert!(
                largest * 100 <= count * most,
                "{name}: {ranges:?} of {count}"
            );
            let expected = usize::try_from(ran.report.expected()).unwrap();
            assert!(
                expected.abs_diff(count) * 4 <= count,
                "{name}: {expected} of {count}"
            );
        }
    }
}

/// With fewer keys than shards, every key is still recorded.
#[tokio::test]
async fn fewer_keys_than_shards() {
    for count in [0, 1, 3] {
        let world = filled(year("alice", 4).take(count).collect()).await;
        let options = Options {
            shards: 8,
            ..rebuild()
        };
        let ran = world.run(&options).await;
        assert!(ran.summary.finished, "{ran:?}");
        assert_eq!(world.live().await.len(), count);
        world.check().await;
    }
}

#[tokio::test]
async fn a_rebuild_continues_whatever_shards_says_then() {
    let world = filled(year("alice", 60).chain(year("bob", 60)).collect()).await;
    let maintain = world.maintain(&[]).await;
    let with = |shards| {
        small(Options {
            shards,
            ..rebuild()
        })
    };
    let mut time = Duration::from_millis(20);
    let admin = world.database.admin().await;
    let moved = "SELECT count(*) FROM maintenance WHERE position <> range_from";
    while admin.query_one(moved, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        let deadline = Deadline::after(time);
        maintain.run(&with(4), deadline, &Report::default()).await;
        time = time.mul_f64(1.5);
    }
    let before = world.live().await.len();
    assert!(before < 120, "it came to the end at once");
    for shards in [8, 1] {
        // No time to sweep: the run only reads the sweeps under way.
        let at_once = Deadline::after(Duration::ZERO);
        let summary = maintain
            .run(&with(shards), at_once, &Report::default())
            .await;
        assert!(summary.stopped.is_none(), "{summary:?}");
    }
    let ran = run(&maintain, &with(8)).await;
    assert!(ran.summary.finished, "{ran:?}");
    assert!(ran.report.get(Count::Objects) < 120);
    assert_eq!(world.live().await.len(), 120);
    world.check().await;
    let shards = world.rows("maintenance").await;
    assert_eq!(shards.len(), 4, "{shards:?}");
}

/// The table is lost again during a rebuild. Its checkpoints are invalid, so it must start over.
#[tokio::test]
async fn a_table_that_is_lost_again_is_rebuilt_from_the_beginning() {
    let world = filled(year("alice", 80).collect()).await;
    let maintain = world.maintain(&[]).await;
    let options = small(rebuild());
    let mut time = Duration::from_millis(20);
    while world.live().await.is_empty() {
        let deadline = Deadline::after(time);
        maintain.run(&options, deadline, &Report::default()).await;
        time = time.mul_f64(1.5);
    }
    world.sql("TRUNCATE s3_files, user_usage").await;
    let ran = run(&maintain, &options).await;
    assert!(ran.summary.finished, "{ran:?}");
    assert_eq!(world.live().await.len(), 80);
    world.check().await;
}
