//! Usage is the sum of the live rows, whatever happens at the same time.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use slipway_core::{FileId, ObjectKey, Tombstone};
use slipway_db::{Db, Recorded};
use slipway_testkit::{TestDatabase, database};

use crate::support::{HERE, checked_usage, key, object, user};

/// Something that happens to one of a few files of one user.
#[derive(Clone, Debug)]
enum Step {
    Record {
        file: usize,
        size: u64,
        second: i64,
        quota: Option<u64>,
    },
    Refuse {
        file: usize,
        size: u64,
        second: i64,
    },
    Delete {
        files: Vec<usize>,
    },
    Forget {
        file: usize,
    },
}

const FILES: usize = 6;

fn step() -> impl Strategy<Value = Step> {
    let file = 0..FILES;
    let quota = prop_oneof![Just(None), Just(None), (0..300_u64).prop_map(Some)];
    prop_oneof![
        8 => (file.clone(), 0..100_u64, 0..6_i64, quota)
            .prop_map(|(file, size, second, quota)| Step::Record { file, size, second, quota }),
        1 => (file.clone(), 0..100_u64, 0..6_i64)
            .prop_map(|(file, size, second)| Step::Refuse { file, size, second }),
        1 => prop::collection::vec(file.clone(), 1..4).prop_map(|files| Step::Delete { files }),
        2 => file.prop_map(|file| Step::Forget { file }),
    ]
}

/// Another size gets another `ETag`, so that a step has the same result whenever it is executed.
async fn take(db: &Db, keys: &[ObjectKey], step: &Step) {
    let owner = user("alice");
    match step {
        Step::Record {
            file,
            size,
            second,
            quota,
        } => {
            let object = object(&keys[*file], *size, &size.to_string(), *second);
            let mut seen = None;
            for _ in 0..3 {
                match db
                    .record_file(&object, &HERE, *quota, seen.as_ref())
                    .await
                    .expect("recorded")
                {
                    Recorded::Stale(row) => seen = Some(row),
                    _ => break,
                }
            }
        }
        Step::Refuse { file, size, second } => {
            let object = object(&keys[*file], *size, &size.to_string(), *second);
            let _ = db
                .tombstone_refused(&object, &HERE, Tombstone::TooLarge, None)
                .await
                .expect("refused");
        }
        Step::Delete { files } => {
            let ids: Vec<FileId> = files.iter().map(|file| keys[*file].id()).collect();
            let _ = db.delete_files(&owner, &ids).await.expect("deleted");
        }
        Step::Forget { file } => {
            if let Some(row) = db.find_file(&owner, keys[*file].id()).await.expect("found") {
                let _ = db
                    .forget_missing(&row.object_key, &row)
                    .await
                    .expect("forgotten");
            }
        }
    }
}

async fn concurrently(database: &TestDatabase, connections: &[Db], steps: &[Step]) {
    let admin = database.admin().await;
    admin
        .batch_execute("TRUNCATE s3_files, user_usage")
        .await
        .expect("empty");
    let keys: Vec<ObjectKey> = (0..FILES).map(|_| key("alice")).collect();
    let keys = &keys;
    let lanes = connections.iter().enumerate().map(|(lane, db)| async move {
        for step in steps.iter().skip(lane).step_by(connections.len()) {
            take(db, keys, step).await;
        }
    });
    futures_util::future::join_all(lanes).await;
    let _ = checked_usage(database, "alice").await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Histories of a few files, on six connections at once. A single connection would hide every race.
#[test]
fn usage_is_exact_after_any_concurrent_history() {
    let database = database();
    let connections: Vec<Db> = (0..6).map(|_| database.db()).collect();
    let runtime = runtime();
    let config = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..80), |steps| {
            runtime.block_on(concurrently(&database, &connections, &steps));
            Ok(())
        })
        .expect("usage is the sum of the live rows");
}

/// A first insert and its overwrites at the same time. In this case a statement's snapshot does not
/// contain the row that it conflicts with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_exact_when_first_uploads_and_overwrites_meet() {
    let database = database();
    let connections: Vec<Db> = (0..16).map(|_| database.db()).collect();
    for round in 0..40_i64 {
        let key = key("alice");
        let uploads = connections.iter().zip(1_i64..).map(|(db, second)| {
            let size = second.unsigned_abs() * 7;
            let object = object(&key, size, &second.to_string(), round * 100 + second);
            async move {
                db.record_file(&object, &HERE, Some(1 << 40), None)
                    .await
                    .expect("recorded")
            }
        });
        let outcomes = futures_util::future::join_all(uploads).await;
        let created = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Recorded::Created(_)));
        assert_eq!(created.count(), 1);
        let row = connections[0]
            .find_file(key.owner(), key.id())
            .await
            .expect("found");
        assert_eq!(row.expect("live").size, 16 * 7, "the latest upload");
    }
    let usage = checked_usage(&database, "alice").await;
    assert_eq!((usage.files, usage.bytes), (40, 40 * 16 * 7));
}

/// Hundreds of files of one user, each uploaded, delivered three times, overwritten and half of
/// them deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_is_exact_under_load() {
    let database = database();
    let connections: Vec<Db> = (0..24).map(|_| database.db()).collect();
    let connections = &connections;
    let work = (0..300_usize).map(|at| {
        let connection = move |offset: usize| &connections[(at + offset) % connections.len()];
        let key = key("alice");
        let (first, second) = (object(&key, 10, "a", 1), object(&key, 25, "b", 2));
        async move {
            let _ = tokio::join!(
                connection(0).record_file(&first, &HERE, None, None),
                connection(5).record_file(&first, &HERE, None, None),
                connection(11).record_file(&second, &HERE, None, None),
                connection(17).record_file(&second, &HERE, None, None),
            );
            if at % 2 == 0 {
                let ids = [key.id()];
                let deleted = connection(3)
                    .delete_files(key.owner(), &ids)
                    .await
                    .expect("deleted");
                assert_eq!(deleted.len(), 1);
            }
        }
    });
    futures_util::future::join_all(work).await;
    let usage = checked_usage(&database, "alice").await;
    assert_eq!((usage.files, usage.bytes), (150, 150 * 25));
}
