//! Many rows without an object suggest a wrong bucket, so they are dropped only with `--force`.

use slipway_maintain::{Count, Options, Report};

use crate::world::{World, in_pieces, reconcile, run, small};

/// Inserts `count` rows of files that were never uploaded.
async fn rows_without_objects(world: &World, count: u32) {
    world
        .sql(&format!(
            "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
             SELECT id, 'bob/' || id || '/a', 'uploads', 'u', 'bob', 'a', 'text/plain', 1, 'e', '2026-01-01'
             FROM (SELECT ('01890a5d-ac96-774b-bcce-' || lpad(n::text, 12, '0'))::uuid AS id FROM generate_series(1, {count}) AS n) AS ids;
             INSERT INTO user_usage VALUES ('bob', {count}, {count}, NULL)"
        ))
        .await;
}

#[tokio::test]
async fn no_more_than_one_percent_goes_without_force() {
    let world = World::new().await;
    rows_without_objects(&world, 450).await;
    let unrecorded = world.object("alice").await;
    let dry = Options {
        apply: false,
        ..reconcile()
    };
    let numbers = "forgotten 4, objects 1, recorded 1, rows 450, withheld 446";
    assert_eq!(world.run(&dry).await.numbers(), numbers);
    let ran = world.run(&reconcile()).await;
    assert_eq!(ran.numbers(), numbers);
    assert!(ran.summary.needs_force && !ran.summary.is_ok() && ran.summary.finished);
    assert_eq!(world.live().await.len(), 450 - 4 + 1);
    world.check_usage().await;
    let force = Options {
        force: true,
        ..reconcile()
    };
    assert_eq!(
        world.run(&force).await.numbers(),
        "forgotten 446, objects 1, rows 447"
    );
    assert_eq!(world.live().await, [unrecorded.as_str()]);
    world.check().await;
}

#[tokio::test]
async fn no_more_than_a_thousand_go_without_force() {
    let world = World::new().await;
    rows_without_objects(&world, 100_500).await;
    let ran = world.run(&reconcile()).await;
    assert_eq!(ran.numbers(), "forgotten 1000, rows 100500, withheld 99500");
}

/// A schedule that resumes at its checkpoint must not drop a full allowance each time.
#[tokio::test]
async fn a_sweep_has_one_allowance_however_many_runs_it_takes() {
    let world = World::new().await;
    rows_without_objects(&world, 300).await;
    let (maintain, total) = (world.maintain(&[]).await, Report::default());
    let runs = in_pieces(&maintain, &small(reconcile()), &total).await;
    assert!(runs > 1);
    // Removals that were granted before an interruption count as used.
    let forgotten = total.get(Count::Forgotten);
    assert!(forgotten <= 3, "{forgotten}");
    assert!(world.live().await.len() >= 297);
}

/// A schedule, or an operator who repeats the command, must not empty the table step by step.
#[tokio::test]
async fn the_allowance_is_for_a_day_and_not_for_a_sweep() {
    let world = World::new().await;
    rows_without_objects(&world, 400).await;
    let dry = Options {
        apply: false,
        ..reconcile()
    };
    let four = "forgotten 4, rows 400, withheld 396";
    assert_eq!(world.run(&dry).await.numbers(), four);
    assert_eq!(world.run(&reconcile()).await.numbers(), four);
    // The limit holds for any number of shards and runs.
    for shards in [1, 4, 1] {
        for options in [dry, reconcile()] {
            let options = Options { shards, ..options };
            let again = world.run(&options).await;
            assert_eq!(again.numbers(), "rows 396, withheld 396");
            assert!(again.summary.needs_force);
        }
    }
    assert_eq!(world.live().await.len(), 396);
    // One day later on Postgres' clock.
    world
        .sql("UPDATE maintenance_removals SET reserved_at = reserved_at - interval '24 hours'")
        .await;
    assert_eq!(
        world.run(&reconcile()).await.numbers(),
        "forgotten 3, rows 396, withheld 393"
    );
    // Removals with `--force` are not counted.
    let force = Options {
        force: true,
        ..reconcile()
    };
    let forced = world.run(&force).await;
    assert_eq!(forced.numbers(), "forgotten 393, rows 393");
    assert!(forced.summary.is_ok() && forced.summary.finished);
}

/// Shards share one allowance, in any order.
#[tokio::test]
async fn shards_at_the_same_time_have_one_allowance() {
    let world = World::new().await;
    rows_without_objects(&world, 1000).await;
    let shards = Options {
        shards: 8,
        ..reconcile()
    };
    let ran = world.run(&small(shards)).await;
    assert_eq!(ran.report.get(Count::Forgotten), 10, "{}", ran.numbers());
    assert_eq!(world.live().await.len(), 990);
}

/// One object that was removed by hand does not exceed the limit, however few files there are.
#[tokio::test]
async fn one_row_may_always_go() {
    let world = World::new().await;
    for at in 0..3 {
        let file = world.file("alice").await;
        if at > 0 {
            world.remove_object(file.as_str()).await;
        }
    }
    let ran = run(&world.maintain(&[]).await, &reconcile()).await;
    assert_eq!(ran.numbers(), "forgotten 1, objects 1, rows 3, withheld 1");
}
