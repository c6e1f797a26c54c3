//! Runs that are interrupted at any point, by the deadline or by a crash.

use std::time::Duration;

use slipway_maintain::{Count, Deadline, Options, Report, Task};

use crate::mess;
use crate::world::{World, in_pieces, reconcile, run, small};

fn everything() -> Options {
    small(Options {
        task: Task::All,
        force: true,
        ..reconcile()
    })
}

/// Drops the run at some await point, each time a little later, until a run finishes.
#[tokio::test]
async fn a_crash_between_any_two_steps_costs_nothing() {
    let world = World::new().await;
    let mess = mess::make(&world, 4).await;
    let maintain = world.maintain(&[]).await;
    let mut crashes = 0;
    let mut time = Duration::from_micros(300);
    loop {
        let report = Report::default();
        let options = everything();
        let running = maintain.run(&options, Deadline::NEVER, &report);
        let ended = tokio::time::timeout(time, running).await;
        if ended.is_ok_and(|summary| summary.finished) {
            break;
        }
        crashes += 1;
        time = time.mul_f64(1.1);
        world.expire_leases().await;
        world.check_usage().await;
    }
    assert!(crashes > 20, "only {crashes} crashes");
    run(&maintain, &everything()).await;
    mess.check_healed(&world).await;
}

#[tokio::test]
async fn a_run_stops_at_its_deadline_and_the_next_goes_on_there() {
    let world = World::new().await;
    let mess = mess::make(&world, 12).await;
    let maintain = world.maintain(&[]).await;
    let options = small(Options {
        force: true,
        ..reconcile()
    });
    let at_once = Deadline::after(Duration::ZERO);
    let report = Report::default();
    let summary = maintain.run(&options, at_once, &report).await;
    assert!(!summary.finished && summary.is_ok());
    assert_eq!(report.get(Count::Objects), 0);

    let total = Report::default();
    let runs = in_pieces(&maintain, &options, &total).await;
    assert!(runs > 1);
    // Only the batches that were running at a deadline are read again.
    let objects = total.get(Count::Objects);
    assert!(
        objects <= (mess.objects() + 7 * runs) as u64,
        "{objects} in {runs} runs"
    );
    mess.check_healed(&world).await;
    let sql = "SELECT position IS NULL AND finished_at IS NOT NULL AND held_by IS NULL, counters->>'objects' FROM maintenance";
    let row = world
        .database
        .admin()
        .await
        .query_one(sql, &[])
        .await
        .unwrap();
    assert!(
        row.get::<_, bool>(0),
        "a finished sweep begins at the beginning"
    );
    // An object that was removed by an interrupted batch is not listed again.
    let counted: usize = row.get::<_, String>(1).parse().unwrap();
    let all = mess.objects();
    assert!((all - 12..=all).contains(&counted), "{counted} of {all}");
}

#[tokio::test]
async fn a_sweep_begins_no_sooner_than_asked() {
    let world = World::new().await;
    world.object("alice").await;
    let daily = Options {
        every: Duration::from_hours(24),
        ..reconcile()
    };
    assert_eq!(world.run(&daily).await.numbers(), "objects 1, recorded 1");
    let early = world.run(&daily).await;
    assert!(early.numbers().is_empty() && early.summary.finished);
    world
        .sql("UPDATE maintenance SET started_at = now() - interval '25 hours'")
        .await;
    assert_eq!(world.run(&daily).await.numbers(), "objects 1, rows 1");
    // Without `every`, each run is a full sweep.
    assert_eq!(world.run(&reconcile()).await.numbers(), "objects 1, rows 1");
}
