//! Reconciles bucket and table in both directions.

use slipway_maintain::Options;

use crate::mess::{self, Mess, impostor, put_foreign};
use crate::world::{World, reconcile, run, small};

#[tokio::test]
async fn every_kind_of_disagreement_is_healed_in_one_sweep() {
    let world = World::new().await;
    let mess = mess::make(&world, 5).await;
    let force = Options {
        force: true,
        ..reconcile()
    };
    let ran = world.run(&force).await;
    assert_eq!(ran.numbers(), mess.numbers());
    assert!(ran.summary.finished && ran.summary.is_ok());
    mess.check_healed(&world).await;
    // The next run changes nothing.
    let again = world.run(&reconcile()).await.numbers();
    let (objects, rows) = (5 * 4 + Mess::foreign(), 5 * 6);
    assert_eq!(
        again,
        format!(
            "foreign {}, objects {objects}, rows {rows}",
            Mess::foreign()
        )
    );
}

#[tokio::test]
async fn pages_and_batches_may_end_anywhere() {
    let world = World::new().await;
    let mess = mess::make(&world, 7).await;
    let force = Options {
        force: true,
        ..reconcile()
    };
    assert_eq!(world.run(&small(force)).await.numbers(), mess.numbers());
    mess.check_healed(&world).await;
}

#[tokio::test]
async fn a_dry_run_tells_the_same_numbers_and_changes_nothing() {
    let world = World::new().await;
    let mess = mess::make(&world, 5).await;
    world
        .sql("UPDATE user_usage SET bytes = bytes + 1 WHERE user_id = 'alice'")
        .await;
    let dry = small(Options {
        force: true,
        apply: false,
        ..reconcile()
    });
    let tables = ["s3_files", "user_usage", "multipart_uploads", "maintenance"];
    let dump = async || {
        let mut dump = world.keys().await;
        for table in tables {
            dump.extend(world.rows(table).await);
        }
        dump
    };
    let before = dump().await;
    let ran = world.run(&dry).await;
    assert_eq!(ran.numbers(), format!("drifted 1, {}", mess.numbers()));
    let all = Options {
        task: slipway_maintain::Task::All,
        ..dry
    };
    world.run(&all).await;
    world
        .run(&Options {
            rebuild: true,
            ..all
        })
        .await;
    assert_eq!(dump().await, before);
    let apply = Options { apply: true, ..dry };
    assert_eq!(world.run(&apply).await.numbers(), ran.numbers());
    mess.check_healed(&world).await;
}

#[tokio::test]
async fn usage_that_drifted_is_repaired() {
    let world = World::new().await;
    for _ in 0..3 {
        world.file("alice").await;
        world.file("bob").await;
        world.file("carol").await;
    }
    let dave = world.file("dave").await;
    world.delete(&dave).await;
    world
        .sql(
            "UPDATE user_usage SET bytes = bytes + 7 WHERE user_id = 'alice';
             UPDATE user_usage SET files = files - 1 WHERE user_id = 'bob';
             DELETE FROM user_usage WHERE user_id = 'carol';
             UPDATE user_usage SET files = 4 WHERE user_id = 'dave';
             INSERT INTO user_usage VALUES ('nobody', 1, 1, NULL), ('somebody', 0, 0, NULL)",
        )
        .await;
    // A quota below the true sum must not prevent the correction.
    world
        .sql("UPDATE user_usage SET bytes = 1, quota_bytes = 1 WHERE user_id = 'bob'")
        .await;
    let options = small(Options {
        shards: 3,
        ..reconcile()
    });
    let ran = world.run(&options).await;
    // Dave is counted once through his tombstone, and again as a user with a usage and no rows, at
    // any time. Each of the two bounds between shards may split the keys of one user, who is then
    // found on both sides.
    let drifted = ran.report.get(slipway_maintain::Count::Drifted);
    assert!((5..=8).contains(&drifted), "{}", ran.numbers());
    world.check_usage().await;
    assert_eq!(
        world
            .run(&options)
            .await
            .report
            .get(slipway_maintain::Count::Drifted),
        0
    );
}

#[tokio::test]
async fn what_is_not_ours_is_counted_and_left_alone() {
    let world = World::new().await;
    let file = world.file("alice").await;
    put_foreign(&world, "alice/x").await;
    let false_key = impostor(&world, &file).await;
    let file_elsewhere = world.file("bob").await;
    world.remove_object(file_elsewhere.as_str()).await;
    world
        .sql(&format!(
            "UPDATE s3_files SET bucket = 'elsewhere' WHERE id = '{}';
             INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
             VALUES (gen_random_uuid(), 'old/key', 'uploads', 'u', 'carol', 'a', 'a/b', 0, 'e', '2020-01-01')",
            file_elsewhere.id()
        ))
        .await;
    let before = (world.keys().await, world.rows("s3_files").await);
    let ran = world
        .run(&Options {
            force: true,
            ..reconcile()
        })
        .await;
    assert_eq!(ran.numbers(), "elsewhere 1, foreign 3, objects 3, rows 3");
    assert_eq!((world.keys().await, world.rows("s3_files").await), before);
    assert!(before.0.contains(&false_key.as_str().to_owned()));
}

#[tokio::test]
async fn rows_younger_than_the_sweep_are_left_to_the_next() {
    let world = World::new().await;
    let file = world.file("alice").await;
    world.remove_object(file.as_str()).await;
    world
        .sql("UPDATE s3_files SET upload_timestamp = now() + interval '1 minute'")
        .await;
    assert_eq!(world.run(&reconcile()).await.numbers(), "rows 1, young 1");
    world
        .sql("UPDATE s3_files SET upload_timestamp = now() - interval '1 minute'")
        .await;
    assert_eq!(
        world.run(&reconcile()).await.numbers(),
        "forgotten 1, rows 1"
    );
    world.check().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_as_ever() {
    let world = World::new().await;
    world.file("alice").await;
    let large = crate::world::key("alice", "large");
    world.put(&large, "large", &[b'x'; 600]).await;
    let maintain = world.maintain(&[("USER_QUOTA_BYTES", "500")]).await;
    let ran = run(&maintain, &reconcile()).await;
    assert_eq!(ran.numbers(), "objects 2, refused 1, rows 1");
    assert_eq!(world.keys().await.len(), 1);
    world.check().await;
}
