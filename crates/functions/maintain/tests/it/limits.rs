//! Lowered limits and quotas: a file that was accepted once is never refused, and refusals count
//! before they are made.

use slipway_core::ObjectKey;
use slipway_maintain::{Maintain, Options};

use crate::world::{World, key, rebuild, reconcile, run, small};

fn dry(options: Options) -> Options {
    Options {
        apply: false,
        ..options
    }
}

/// Runs dry and then for real, and asserts that both report the same.
async fn said_and_done(maintain: &Maintain, options: Options) -> String {
    let said = run(maintain, &dry(options)).await.numbers();
    let ran = run(maintain, &options).await;
    assert_eq!(ran.numbers(), said, "a dry run says what is done");
    said
}

/// A file of `size` bytes.
async fn file(world: &World, owner: &str, size: usize) -> ObjectKey {
    let key = world.sized(owner, size).await;
    world.recorder().await.record(&key).await.unwrap();
    key
}

/// A bucket that was restored by copy, or moved to another region: the Last-Modified of every
/// object has changed.
#[tokio::test]
async fn a_restored_bucket_keeps_files_over_a_limit_or_quota_of_today() {
    let lowered = [[("MAX_UPLOAD_BYTES", "30")], [("USER_QUOTA_BYTES", "100")]];
    for lowered in lowered {
        let world = World::new().await;
        for _ in 0..10 {
            file(&world, "alice", 40).await;
        }
        world
            .sql("UPDATE s3_files SET upload_timestamp = upload_timestamp - interval '1 day'")
            .await;
        let maintain = world.maintain(&lowered).await;
        assert_eq!(
            said_and_done(&maintain, reconcile()).await,
            "objects 10, refreshed 10, rows 10"
        );
        assert_eq!(
            said_and_done(&maintain, reconcile()).await,
            "objects 10, rows 10"
        );
        assert_eq!(world.keys().await.len(), 10);
        world.check().await;
    }
}

/// The database is lost and migrated, and one upload arrives before the schedule does.
#[tokio::test]
async fn a_lost_table_keeps_files_over_a_limit_or_quota_of_today() {
    let lowered = [[("MAX_UPLOAD_BYTES", "40")], [("USER_QUOTA_BYTES", "210")]];
    for lowered in lowered {
        for options in [reconcile(), rebuild()] {
            let world = World::new().await;
            world.upload_hours_ago(37);
            for _ in 0..10 {
                world.sized("alice", 41).await;
            }
            world.upload_hours_ago(0);
            file(&world, "alice", 1).await;
            let maintain = world.maintain(&lowered).await;
            assert_eq!(
                said_and_done(&maintain, small(options)).await,
                "objects 11, recorded 10, rows 1"
            );
            assert_eq!(world.keys().await.len(), 11);
            world.check().await;
        }
    }
}

/// An object without a row is refused as an event would refuse it, if an upload URL may have
/// written it recently.
#[tokio::test]
async fn the_age_of_an_object_without_a_row_decides() {
    let world = World::new().await;
    for (hours, numbers) in [
        (35, "objects 1, refused 1"),
        (37, "objects 1, recorded 1, rows 1"),
    ] {
        world.upload_hours_ago(hours);
        world.sized("alice", 50).await;
        let maintain = world.maintain(&[("MAX_UPLOAD_BYTES", "40")]).await;
        assert_eq!(said_and_done(&maintain, reconcile()).await, numbers);
    }
    world.check().await;
}

/// A list has neither type nor rule, so a dry run sends a HEAD for them.
#[tokio::test]
async fn a_rule_refuses_young_objects_without_a_row() {
    let rules = [(
        "UPLOAD_RULES",
        r#"{"avatar": {"contentTypes": ["image/*"]}}"#,
    )];
    for (hours, numbers) in [
        (35, "objects 1, refused 1"),
        (37, "objects 1, recorded 1, rows 1"),
    ] {
        let world = World::new().await;
        world.upload_hours_ago(hours);
        world.sized("alice", 5).await;
        let maintain = world.maintain(&rules).await;
        let found = said_and_done(&maintain, reconcile()).await;
        assert_eq!(found, numbers.trim_end_matches(", rows 1"));
        assert_eq!(world.keys().await.len(), usize::from(hours > 36));
        world.check().await;
    }
}

/// Only an object that is larger or of another type is refused.
#[tokio::test]
async fn a_rule_that_was_narrowed_refuses_no_file() {
    let world = World::new().await;
    for _ in 0..3 {
        file(&world, "alice", 40).await;
    }
    world
        .sql("UPDATE s3_files SET upload_timestamp = upload_timestamp - interval '1 minute'")
        .await;
    let rules = [(
        "UPLOAD_RULES",
        r#"{"avatar": {"contentTypes": ["image/*"], "maxBytes": 3}}"#,
    )];
    let maintain = world.maintain(&rules).await;
    assert_eq!(
        said_and_done(&maintain, reconcile()).await,
        "objects 3, refreshed 3, rows 3"
    );
    world.check().await;
}

#[tokio::test]
async fn a_young_file_that_was_replaced_by_a_larger_one_is_refused() {
    let world = World::new().await;
    let key = file(&world, "alice", 35).await;
    world
        .sql("UPDATE s3_files SET upload_timestamp = upload_timestamp - interval '1 minute'")
        .await;
    world.put(&key, "a.txt", &[b'y'; 50]).await;
    let maintain = world.maintain(&[("MAX_UPLOAD_BYTES", "30")]).await;
    assert_eq!(
        said_and_done(&maintain, reconcile()).await,
        "objects 1, refused 1, rows 1"
    );
    assert!(world.keys().await.is_empty());
    world.check().await;
}

/// Refusals count towards the limit of removals.
#[tokio::test]
async fn no_more_is_refused_without_force_than_rows_are_dropped() {
    let world = World::new().await;
    world
        .sql(
            "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
             SELECT id, 'bob/' || id || '/a', 'elsewhere', 'u', 'bob', 'a', 'text/plain', 1, 'e', '2026-01-01'
             FROM (SELECT ('01890a5d-ac96-774b-bcce-' || lpad(n::text, 12, '0'))::uuid AS id FROM generate_series(1, 340) AS n) AS ids;
             INSERT INTO user_usage VALUES ('bob', 340, 340, NULL)",
        )
        .await;
    let lost = file(&world, "zoe", 5).await;
    world.remove_object(lost.as_str()).await;
    for _ in 0..6 {
        world.sized("alice", 50).await;
    }
    world.sized("alice", 3).await;
    let kept = file(&world, "alice", 4).await;
    let maintain = world.maintain(&[("MAX_UPLOAD_BYTES", "40")]).await;
    assert_eq!(
        said_and_done(&maintain, reconcile()).await,
        "elsewhere 340, objects 8, recorded 1, refused 3, rows 342, withheld 4"
    );
    let objects = world.keys().await;
    assert_eq!(objects.len(), 5);
    assert!(objects.contains(&kept.as_str().to_owned()));
    let force = Options {
        force: true,
        ..reconcile()
    };
    assert_eq!(
        said_and_done(&maintain, force).await,
        "elsewhere 340, forgotten 1, objects 5, refused 3, rows 346"
    );
    assert_eq!(world.keys().await.len(), 2);
    world.check_usage().await;
}

/// The selection of files that fit into a quota must be deterministic, and a dry run must report
/// the same number.
#[tokio::test]
async fn a_dry_run_counts_a_quota_as_a_run_does() {
    let world = World::new().await;
    let sizes = [3, 9, 1, 0, 8, 2, 7, 6, 5, 4, 11, 12];
    for owner in ["alice", "bob", "carol"] {
        for (at, size) in sizes.into_iter().enumerate() {
            let key = key(owner, "a.txt");
            // Some files were smaller when they were recorded, some were larger, and some objects
            // are missing.
            match at % 4 {
                0 => {}
                1 => {
                    world.put(&key, "a.txt", b"z").await;
                    world.recorder().await.record(&key).await.unwrap();
                }
                _ => {
                    world.put(&key, "a.txt", &[b'z'; 5]).await;
                    world.recorder().await.record(&key).await.unwrap();
                }
            }
            world.sql("UPDATE s3_files SET upload_timestamp = upload_timestamp - interval '1 minute' WHERE upload_timestamp > now() - interval '30 seconds'").await;
            world.put(&key, "a.txt", &vec![b'x'; size]).await;
            if at % 4 == 3 && owner == "bob" {
                world.remove_object(key.as_str()).await;
            }
        }
    }
    let force = small(Options {
        force: true,
        ..reconcile()
    });
    let maintain = world
        .maintain(&[("USER_QUOTA_BYTES", "48"), ("MAX_UPLOAD_BYTES", "11")])
        .await;
    let said = said_and_done(&maintain, force).await;
    for what in ["recorded ", "refreshed ", "refused ", "forgotten "] {
        assert!(said.contains(what), "{said}");
    }
    world.check().await;
}
