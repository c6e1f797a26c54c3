//! The table is an index of the bucket, so it can be rebuilt from the bucket alone.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use slipway_core::ObjectKey;
use slipway_maintain::{Count, Deadline, Options, Report};

use crate::world::{World, in_pieces, key, rebuild, reconcile, run, small};

/// All rows of `s3_files` with all their columns.
async fn files(world: &World) -> Vec<String> {
    world.rows("s3_files").await
}

/// Uploads `count` files of several owners, with difficult names, and records them.
async fn fill(world: &World, count: usize) {
    let owners = ["alice", "bob@example.com", "auth0|5f7c", "Zoë", "."];
    let names = [
        "a.txt",
        "Über größe.txt",
        "../../etc/passwd",
        "файл\u{202e}.pdf",
        " outer ",
        "漢字",
    ];
    let keys: Vec<(ObjectKey, &str)> = (0..count)
        .map(|at| {
            let name = names[at % names.len()];
            (key(owners[at % owners.len()], name), name)
        })
        .collect();
    stream::iter(keys)
        .for_each_concurrent(24, async |(key, name)| {
            let body = key
                .as_str()
                .repeat(key.id().uuid().as_bytes()[15] as usize % 3);
            world.put(&key, name, body.as_bytes()).await;
        })
        .await;
    let first = world.run(&reconcile()).await;
    assert_eq!(first.report.get(Count::Recorded), count as u64);
}

#[tokio::test]
async fn an_empty_table_is_filled_from_the_bucket_alone() {
    let world = World::new().await;
    fill(&world, 60).await;
    let (before, usage) = (files(&world).await, world.rows("user_usage").await);
    let described = "SELECT count(*) FROM s3_files
        WHERE rule = 'avatar' AND metadata = '{\"album\": \"Ferien\"}'";
    let admin = world.database.admin().await;
    let described = admin.query_one(described, &[]).await.unwrap();
    assert_eq!(described.get::<_, i64>(0), 60);
    world.sql("TRUNCATE s3_files").await;
    assert_eq!(
        world.run(&rebuild()).await.numbers(),
        "objects 60, recorded 60"
    );
    assert_eq!(files(&world).await, before);
    assert_eq!(world.rows("user_usage").await, usage);
    world.check().await;
}

/// The drill of `docs/operate.md` on a live system: an upload arrives before the rebuild.
#[tokio::test]
async fn a_table_is_rebuilt_while_uploads_go_on() {
    let world = World::new().await;
    world.upload_hours_ago(40);
    fill(&world, 30).await;
    let before = files(&world).await;
    world.sql("TRUNCATE s3_files, user_usage").await;
    let maintain = world.maintain(&[("MAX_UPLOAD_BYTES", "5")]).await;
    let dry = Options {
        apply: false,
        ..rebuild()
    };
    assert_eq!(
        run(&maintain, &dry).await.numbers(),
        "objects 30, recorded 30"
    );
    world.upload_hours_ago(0);
    let file = world.file("bob").await;
    let ran = run(&maintain, &rebuild()).await;
    assert_eq!(ran.numbers(), "objects 31, recorded 30, rows 1");
    assert!(ran.summary.finished && ran.summary.is_ok());
    world.check().await;
    let remove = format!("DELETE FROM s3_files WHERE id = '{}'", file.id());
    world.sql(&remove).await;
    assert_eq!(files(&world).await, before);
}

#[tokio::test]
async fn a_rebuild_that_was_interrupted_goes_on() {
    let world = World::new().await;
    fill(&world, 80).await;
    let before = files(&world).await;
    world.sql("TRUNCATE s3_files, user_usage").await;
    let (maintain, total) = (world.maintain(&[]).await, Report::default());
    let options = small(Options {
        shards: 3,
        ..rebuild()
    });
    let runs = in_pieces(&maintain, &options, &total).await;
    assert!(runs > 1);
    assert_eq!(files(&world).await, before);
    world.check().await;
    // The rebuild is complete: the next one finds every row.
    assert_eq!(world.run(&options).await.numbers(), "objects 80, rows 80");
}

/// A lowered limit or a new quota must not remove files that were accepted before, neither in a
/// rebuild nor in a scheduled reconcile that runs before it.
#[tokio::test]
async fn nothing_is_refused_that_was_accepted_before() {
    let limits = [("MAX_UPLOAD_BYTES", "10"), ("USER_QUOTA_BYTES", "5")];
    for options in [rebuild(), reconcile()] {
        let world = World::new().await;
        world.upload_hours_ago(40);
        fill(&world, 30).await;
        let before = files(&world).await;
        world.sql("TRUNCATE s3_files").await;
        let maintain = world.maintain(&limits).await;
        let deadline = Deadline::after(Duration::from_millis(50));
        let options = small(options);
        maintain.run(&options, deadline, &Report::default()).await;
        let ran = run(&maintain, &options).await;
        assert!(ran.summary.finished, "{ran:?}");
        assert_eq!(files(&world).await, before);
        world.check().await;
    }
}

/// Drops the tables of 10,000 files and rebuilds them, identical, from the bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_ten_thousand_files_come_back_as_they_were() {
    const FILES: usize = 10_000;
    let world = World::new().await;
    let timed = async |what: &str, work: std::pin::Pin<Box<dyn Future<Output = ()> + '_>>| {
        let started = Instant::now();
        work.await;
        let seconds = started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = FILES as f64 / seconds;
        println!("{what}: {seconds:.1} s, {rate:.0} objects/s");
    };
    timed(
        "put and reconcile into an empty table",
        Box::pin(fill(&world, FILES)),
    )
    .await;
    let (before, usage) = (files(&world).await, world.rows("user_usage").await);
    assert_eq!(before.len(), FILES);

    world
        .sql("DROP TABLE s3_files, user_usage, multipart_uploads, maintenance, slipway_migrations")
        .await;
    world.database.db().migrate().await.unwrap();
    let maintain = world.maintain(&[]).await;
    timed(
        "rebuild",
        Box::pin(async {
            let ran = run(&maintain, &rebuild()).await;
            assert_eq!(ran.numbers(), format!("objects {FILES}, recorded {FILES}"));
        }),
    )
    .await;
    assert_eq!(files(&world).await, before);
    assert_eq!(world.rows("user_usage").await, usage);
    world.check_usage().await;
    timed(
        "reconcile with nothing to do",
        Box::pin(async {
            let ran = run(&maintain, &reconcile()).await;
            assert_eq!(ran.numbers(), format!("objects {FILES}, rows {FILES}"));
        }),
    )
    .await;
}
