//! Concurrent workers on several shards and on one shard, and sweeps during uploads and deletes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use slipway_maintain::{Count, Options};

use crate::mess;
use crate::world::{World, reconcile, run, small};

fn force() -> Options {
    Options {
        force: true,
        ..reconcile()
    }
}

#[tokio::test]
async fn shards_cover_every_key_once() {
    for (shards, each) in [(2, 3), (5, 9), (16, 9)] {
        let world = World::new().await;
        let mess = mess::make(&world, each).await;
        let options = small(Options { shards, ..force() });
        let dry = Options {
            apply: false,
            ..options
        };
        assert_eq!(world.run(&dry).await.numbers(), mess.numbers());
        // One run per shard, as separate invocations would. The first plans the ranges of all.
        let (maintain, mut objects) = (world.maintain(&[]).await, 0);
        for shard in 0..shards {
            let one = Options {
                shard: Some(shard),
                ..options
            };
            let ran = run(&maintain, &one).await;
            assert!(ran.summary.finished && ran.summary.is_ok());
            objects += ran.report.get(Count::Objects);
        }
        assert_eq!(objects, mess.objects() as u64);
        mess.check_healed(&world).await;
        assert_eq!(world.run(&options).await.report.get(Count::Recorded), 0);
    }
}

#[tokio::test]
async fn a_shard_is_one_workers_at_a_time() {
    let world = World::new().await;
    let mess = mess::make(&world, 2).await;
    world
        .run(&Options {
            apply: false,
            ..force()
        })
        .await;
    world
        .sql(
            "INSERT INTO maintenance (shard, range_from, position, started_at, held_by, held_until)
             VALUES ('reconcile 0/1', '', '', now(), gen_random_uuid(), now() + interval '1 minute')",
        )
        .await;
    let busy = world.run(&force()).await;
    assert_eq!(busy.numbers(), "busy 1");
    assert!(!busy.summary.finished);
    // The worker has not renewed its lease, which expires.
    world.expire_leases().await;
    assert!(world.run(&force()).await.summary.finished);
    mess.check_healed(&world).await;
}

#[tokio::test]
async fn workers_that_take_a_shard_from_each_other_do_no_harm() {
    let world = World::new().await;
    let mess = mess::make(&world, 10).await;
    let maintains = join_all((0..3).map(|_| world.maintain(&[]))).await;
    let done = AtomicBool::new(false);
    let thieves = async {
        while !done.load(Ordering::SeqCst) {
            world.expire_leases().await;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    let work = async {
        let workers = maintains.iter().map(|maintain| async {
            for _ in 0..4 {
                let ran = run(maintain, &small(force())).await;
                assert!(ran.summary.is_ok(), "{ran:?}");
            }
        });
        join_all(workers).await;
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(work, thieves);
    world.expire_leases().await;
    run(&maintains[0], &force()).await;
    mess.check_healed(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_deletes_during_sweeps_lose_nothing() {
    let world = World::new().await;
    for _ in 0..40 {
        world.file("steady").await;
    }
    let steady = world.live().await;
    let done = AtomicBool::new(false);
    let (world, done) = (&world, &done);
    let sweeps = async {
        let maintain = world.maintain(&[]).await;
        let mut options = force();
        (options.pace.page, options.pace.batch) = (50, 16);
        let (mut sweeps, mut forgotten) = (0, 0);
        while !done.load(Ordering::SeqCst) || sweeps < 2 {
            let ran = run(&maintain, &options).await;
            assert!(ran.summary.is_ok(), "{ran:?}");
            forgotten += ran.report.get(Count::Forgotten);
            sweeps += 1;
        }
        forgotten
    };
    let users = join_all((0..4).map(|user| async move {
        let owner = format!("user{user}");
        let recorder = world.recorder().await;
        let db = world.database.db();
        let mut kept = Vec::new();
        for at in 0..25 {
            let key = world.object(&owner).await;
            // Some are never confirmed, some overwritten, some deleted with the object left.
            if at % 3 != 0 {
                recorder.record(&key).await.unwrap();
            }
            if at % 5 == 1 {
                world.put(&key, "other", format!("{at}").as_bytes()).await;
            }
            if at % 5 == 2 {
                recorder.record(&key).await.unwrap();
                assert_eq!(
                    db.delete_files(key.owner(), &[key.id()])
                        .await
                        .unwrap()
                        .len(),
                    1
                );
                if at % 2 == 0 {
                    world.remove_object(key.as_str()).await;
                }
            } else {
                kept.push(key.as_str().to_owned());
            }
        }
        kept
    }));
    let users = async {
        let kept = users.await;
        done.store(true, Ordering::SeqCst);
        kept.into_iter().flatten().collect::<Vec<String>>()
    };
    let (forgotten, mut kept) = tokio::join!(sweeps, users);
    assert_eq!(forgotten, 0, "no object was missing");
    run(&world.maintain(&[]).await, &force()).await;
    kept.extend(steady);
    kept.sort();
    assert_eq!(world.live().await, kept);
    world.check().await;
}
