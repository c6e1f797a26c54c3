//! Faults of S3 and Postgres: a failed request never counts as a missing object, and no key is
//! skipped.

use slipway_maintain::{Count, Maintain, Options};
use slipway_testkit::{HttpProxy, TcpFault, TcpProxy};

use crate::mess;
use crate::world::{World, deletes, rebuild, reconcile, run, small};

async fn behind(world: &World, fault: &HttpProxy) -> Maintain {
    world.maintain(&[("S3_ENDPOINT", &fault.endpoint())]).await
}

fn force() -> Options {
    Options {
        force: true,
        ..reconcile()
    }
}

#[tokio::test]
async fn only_a_404_is_missing() {
    let world = World::new().await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    let lost = world.file("alice").await;
    world.remove_object(lost.as_str()).await;
    let before = world.rows("s3_files").await;
    for status in [401, 403, 400, 500, 503] {
        fault.refuse("HEAD", status);
        let ran = run(&maintain, &force()).await;
        assert_eq!(ran.numbers(), "failed 1, rows 1", "{status}");
        assert!(!ran.summary.is_ok() && !ran.summary.finished, "{status}");
        // Refused credentials stop the run. A fault of one object does not.
        assert_eq!(ran.summary.stopped.is_some(), status < 500, "{status}");
        assert_eq!(world.rows("s3_files").await, before, "{status}");
    }
    fault.heal();
    assert_eq!(
        run(&maintain, &force()).await.numbers(),
        "forgotten 1, rows 1"
    );
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_an_empty_one() {
    let world = World::new().await;
    let file = world.file("alice").await;
    world.delete(&file).await;
    world
        .sql("UPDATE s3_files SET deleted_at = '2026-01-01'")
        .await;
    let other = world.file("bob").await;
    let before = world.rows("s3_files").await;
    // All rows name the configured bucket, so its name does not show that it is missing.
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    let no_bucket = "<Error><Code>NoSuchBucket</Code></Error>";
    fault.respond(|_, _| Some((404, no_bucket.to_owned())));
    for options in [
        deletes(),
        force(),
        Options {
            rebuild: true,
            ..force()
        },
    ] {
        let ran = run(&maintain, &options).await;
        assert_eq!(ran.numbers(), "failed 1");
        assert!(
            ran.summary
                .stopped
                .is_some_and(|reason| reason.contains("NoSuchBucket"))
        );
    }
    assert_eq!(world.rows("s3_files").await, before);
    fault.heal();
    run(&maintain, &deletes()).await;
    assert_eq!(
        run(&maintain, &deletes()).await.report.get(Count::Failed),
        0
    );
    assert_eq!(world.live().await, [other.as_str()]);
    world.check().await;
}

/// 4xx responses that mean "try again later".
#[tokio::test]
async fn what_passes_is_unavailable_and_what_does_not_is_not() {
    let world = World::new().await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    for (status, name, code) in [
        (400, "RequestTimeout", "unavailable"),
        (409, "OperationAborted", "unavailable"),
        (409, "ConditionalRequestConflict", "unavailable"),
        (400, "InvalidArgument", "internal"),
    ] {
        let body = format!("<Error><Code>{name}</Code></Error>");
        fault.respond(move |_, _| Some((status, body.clone())));
        let stopped = run(&maintain, &deletes()).await.summary.stopped.unwrap();
        assert!(stopped.starts_with(code), "{name}: {stopped}");
    }
}

#[tokio::test]
async fn what_s3_does_not_remove_is_removed_by_the_next_run() {
    let world = World::new().await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    let (stuck, other) = (world.file("alice").await, world.file("alice").await);
    world.delete(&stuck).await;
    world.delete(&other).await;
    // S3 removes the other object, and reports in its 200 that one remains.
    let world_s3 = world.endpoint();
    let text = stuck.as_str().to_owned();
    fault.respond(move |line, body| {
        (line.starts_with("POST") && body.contains(&text)).then(|| {
            (200, format!("<DeleteResult><Error><Key>{text}</Key><Code>InternalError</Code></Error></DeleteResult>"))
        })
    });
    assert_eq!(
        run(&maintain, &deletes()).await.numbers(),
        "failed 1, removed 1"
    );
    world.remove_object(other.as_str()).await;
    assert!(!world_s3.is_empty());
    for status in [500, 403] {
        fault.refuse("POST", status);
        let ran = run(&maintain, &deletes()).await;
        assert_eq!(ran.numbers(), "failed 1", "{status}");
        assert_eq!(world.keys().await, [stuck.as_str()], "{status}");
    }
    fault.heal();
    assert_eq!(run(&maintain, &deletes()).await.numbers(), "removed 1");
    assert!(world.keys().await.is_empty());
}

#[tokio::test]
async fn an_old_tombstone_is_only_dropped_on_a_404() {
    let world = World::new().await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    let file = world.file("alice").await;
    world.delete(&file).await;
    world
        .sql("UPDATE s3_files SET deleted_at = '2026-01-01', removed_at = now()")
        .await;
    for status in [403, 500] {
        fault.refuse("HEAD", status);
        let ran = run(&maintain, &deletes()).await;
        assert_eq!(ran.numbers(), "failed 1", "{status}");
        assert!(!ran.summary.finished, "{status}");
        assert_eq!(world.rows("s3_files").await.len(), 1);
    }
}

#[tokio::test]
async fn one_object_that_s3_does_not_show_holds_nothing_up() {
    let world = World::new().await;
    let mess = mess::make(&world, 4).await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    let live = world.live().await;
    let stuck = mess
        .live
        .iter()
        .find(|key| !live.contains(key))
        .unwrap()
        .clone();
    let path = stuck.replace('~', "%7E");
    fault.respond(move |line, _| {
        (line.starts_with("HEAD") && line.contains(path.as_str())).then(|| (501, String::new()))
    });
    let ran = run(&maintain, &small(force())).await;
    // All other keys are processed. The sweep is not finished before that one is.
    assert!(!ran.summary.finished && !ran.summary.is_ok() && ran.summary.stopped.is_none());
    assert_eq!(ran.report.get(Count::Failed), 1);
    let done = world.live().await;
    let missing: Vec<String> = mess
        .live
        .iter()
        .filter(|key| !done.contains(key))
        .cloned()
        .collect();
    assert_eq!(missing, std::slice::from_ref(&stuck));
    fault.heal();
    let again = run(&maintain, &small(force())).await;
    assert!(again.summary.finished && again.summary.is_ok());
    mess.check_healed(&world).await;
}

#[tokio::test]
async fn a_sweep_stops_where_s3_does_and_goes_on_there() {
    let world = World::new().await;
    let mess = mess::make(&world, 8).await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    // The list fails from the fourth page.
    let pages = std::sync::atomic::AtomicU32::new(0);
    fault.respond(move |line, _| {
        let list = line.starts_with("GET") && line.contains("list-type=2");
        let count = pages.fetch_add(u32::from(list), std::sync::atomic::Ordering::SeqCst);
        (list && count >= 3).then(|| (400, "<Error><Code>Broken</Code></Error>".to_owned()))
    });
    let first = run(&maintain, &small(force())).await;
    assert!(first.summary.stopped.is_some() && !first.summary.finished);
    fault.heal();
    let second = run(&maintain, &small(force())).await;
    assert!(second.summary.finished);
    let objects = first.report.get(Count::Objects) + second.report.get(Count::Objects);
    assert!(second.report.get(Count::Objects) < mess.objects() as u64);
    assert!(objects <= mess.objects() as u64 + 7, "{objects}");
    mess.check_healed(&world).await;
}

#[tokio::test]
async fn postgres_that_breaks_at_any_time_costs_no_file() {
    let world = World::new().await;
    let mess = mess::make(&world, 3).await;
    let proxy = TcpProxy::start(world.database.server().port()).await;
    let url = proxy.through(&world.database.url());
    let maintain = world.maintain(&[("DATABASE_URL", &url)]).await;
    let breaks = async {
        for at in 0.. {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            match at % 3 {
                0 => proxy.cut(),
                1 => proxy.set(TcpFault::LoseResponse(b"COMMIT")),
                _ => proxy.half_close(),
            }
        }
    };
    let sweeps = async {
        let (mut finished, mut stopped) = (0, 0);
        while finished == 0 || stopped < 3 {
            let ran = run(&maintain, &small(force())).await;
            finished += u32::from(ran.summary.finished);
            stopped += u32::from(ran.summary.stopped.is_some());
            world.expire_leases().await;
        }
    };
    // A sweep that is slower than the interval between faults never finishes. The test requires
    // that nothing is lost, not that the sweep finishes.
    let both = async {
        tokio::select! {
            () = breaks => {}
            () = sweeps => {}
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), both).await;
    proxy.set(TcpFault::None);
    // The dropped sweep still holds its lease.
    world.expire_leases().await;
    let last = run(&maintain, &force()).await;
    assert!(last.summary.finished, "{last:?}");
    mess.check_healed(&world).await;
}

/// S3's response to expired credentials.
fn expired() -> (u16, String) {
    (400, "<Error><Code>ExpiredToken</Code></Error>".to_owned())
}

/// The session expires during a rebuild. The rebuild stops, and is complete after it was resumed.
#[tokio::test]
async fn a_session_that_expires_costs_a_rebuild_no_file() {
    let world = World::new().await;
    for at in 0..60 {
        world.object(["alice", "bob", "carol"][at % 3]).await;
    }
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    let mut last = 0;
    for after in [40, 40] {
        let count = std::sync::atomic::AtomicU32::new(0);
        fault.respond(move |line, _| {
            let refused = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= after;
            // A response to a HEAD has no body.
            let (status, body) = expired();
            let body = if line.starts_with("HEAD") {
                String::new()
            } else {
                body
            };
            refused.then_some((status, body))
        });
        let ran = run(&maintain, &small(rebuild())).await;
        let stopped = ran.summary.stopped.as_deref().unwrap_or_default();
        assert!(stopped.contains("credentials"), "{ran:?}");
        assert!(!ran.summary.finished && !ran.summary.is_ok());
        let live = world.live().await.len();
        assert!(live > last && live < 60, "{last} {live}");
        last = live;
    }
    fault.heal();
    let resumed = run(&maintain, &small(rebuild())).await;
    assert!(resumed.summary.finished && resumed.summary.is_ok());
    assert_eq!(world.live().await.len(), 60);
    world.check().await;
}

/// LIST is allowed and the objects are not readable: a missing permission, or a KMS key.
#[tokio::test]
async fn objects_that_may_not_be_read_stop_a_sweep_at_once() {
    let world = World::new().await;
    for _ in 0..50 {
        world.object("alice").await;
    }
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&asked);
    fault.respond(move |line, _| {
        let refused = !line.contains("list-type=2");
        counted.fetch_add(u32::from(refused), std::sync::atomic::Ordering::SeqCst);
        refused.then(|| (403, String::new()))
    });
    for options in [rebuild(), reconcile()] {
        let ran = run(&maintain, &small(options)).await;
        assert!(!ran.summary.finished && ran.summary.stopped.is_some());
        assert_eq!(ran.report.get(Count::Failed), 1);
    }
    let asked = asked.load(std::sync::atomic::Ordering::SeqCst);
    assert!(asked < 40, "{asked} requests were refused");
    fault.heal();
    let healed = run(&maintain, &small(rebuild())).await;
    assert!(healed.summary.finished, "{healed:?}");
    assert_eq!(world.live().await.len(), 50);
    world.check().await;
}

/// The same for the requests of a delete, an upload and an erasure.
#[tokio::test]
async fn refused_credentials_stop_every_task() {
    let world = World::new().await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let maintain = behind(&world, &fault).await;
    for _ in 0..3 {
        let deleted = world.file("alice").await;
        world.delete(&deleted).await;
        world
            .begin(&crate::world::key("alice", "a"), "8 days")
            .await;
    }
    world.file("alice").await;
    // One error per object, inside a 200.
    fault.respond(|line, body| {
        let key = body.split_once("<Key>")?.1.split_once("</Key>")?.0;
        line.starts_with("POST").then(|| {
            let error = format!("<Error><Key>{key}</Key><Code>AccessDenied</Code></Error>");
            (200, format!("<DeleteResult>{error}</DeleteResult>"))
        })
    });
    let denied = run(&maintain, &deletes()).await;
    assert!(denied.summary.stopped.is_some(), "{denied:?}");
    fault.respond(|line, _| line.starts_with("DELETE").then(expired));
    for options in [
        crate::world::uploads(),
        Options {
            apply: true,
            ..Options::default()
        },
    ] {
        let ran = run(&maintain, &options).await;
        assert!(
            !ran.summary.finished && ran.summary.stopped.is_some(),
            "{ran:?}"
        );
        assert_eq!(ran.report.get(Count::Failed), 1);
    }
    assert_eq!(world.rows("multipart_uploads").await.len(), 3);
    fault.respond(|line, _| line.starts_with("POST").then(expired));
    let (user, report) = (
        slipway_core::UserId::parse("alice").unwrap(),
        slipway_maintain::Report::default(),
    );
    let summary = maintain
        .erase(&user, true, slipway_maintain::Deadline::NEVER, &report)
        .await;
    assert!(
        !summary.finished && summary.stopped.is_some(),
        "{summary:?}"
    );
    fault.heal();
    let all = Options {
        apply: true,
        ..Options::default()
    };
    assert!(run(&maintain, &all).await.summary.is_ok());
    assert!(world.keys().await.is_empty() && world.s3_uploads().await.is_empty());
}
