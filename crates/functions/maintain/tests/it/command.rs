//! The built binaries: `maintain` as a command, and `maintain-function` on the Lambda runtime API.

use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_testkit::guard;
use tokio::process::Command;

use crate::world::World;

const PROGRAM: &str = env!("CARGO_BIN_EXE_maintain");

async fn maintain(world: &World, args: &[&str]) -> (Output, Value) {
    let output = Command::new(PROGRAM)
        .args(args)
        .env_clear()
        .envs(world.variables(&[]))
        .output()
        .await
        .unwrap();
    slipway_testkit::capture_output("maintain", &output);
    let numbers = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, numbers)
}

#[tokio::test]
async fn by_hand_it_shows_first_and_does_when_told() {
    let world = World::new().await;
    world.object("alice").await;
    let deleted = world.file("bob").await;
    world.delete(&deleted).await;
    let (output, numbers) = maintain(&world, &[]).await;
    assert!(output.status.success());
    assert_eq!(
        (&numbers["recorded"], &numbers["applied"]),
        (&json!(1), &json!(false))
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--apply"), "{said}");
    assert!(world.live().await.is_empty());

    let (output, numbers) = maintain(&world, &["all", "--apply", "--shards", "2"]).await;
    assert!(output.status.success());
    assert_eq!(
        (&numbers["recorded"], &numbers["removed"]),
        (&json!(1), &json!(1))
    );
    assert!(numbers["seconds"].is_number() && numbers["finished"] == true);
    world.check().await;

    let (output, numbers) = maintain(&world, &["--rebuild", "--apply"]).await;
    assert!(output.status.success() && numbers["recorded"] == 0);

    world.sql("TRUNCATE s3_files, user_usage").await;
    let (output, numbers) = maintain(&world, &["--rebuild", "--apply"]).await;
    assert!(output.status.success() && numbers["recorded"] == 1);
}

#[tokio::test]
async fn it_fails_where_it_wants_a_person() {
    let world = World::new().await;
    for _ in 0..2 {
        let file = world.file("alice").await;
        world.remove_object(file.as_str()).await;
    }
    let (output, numbers) = maintain(&world, &["reconcile", "--apply"]).await;
    assert!(!output.status.success());
    assert_eq!(
        (&numbers["needsForce"], &numbers["withheld"]),
        (&json!(true), &json!(1))
    );
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("--force")
    );
    let (output, _) = maintain(&world, &["reconcile", "--apply", "--force"]).await;
    assert!(output.status.success());
    for wrong in [["reconcile", "--shards=0"], ["tidy", "--apply"]] {
        assert_eq!(maintain(&world, &wrong).await.0.status.code(), Some(2));
    }
}

#[tokio::test]
async fn as_a_lambda_it_does_what_the_event_says() {
    let world = World::new().await;
    let program = slipway_processes::binary("maintain-function");
    let lambda = Lambda::start(guard(), &program, world.variables(&[]))
        .await
        .unwrap();
    let invoke = async |event: Value| lambda.invoke(&event, Duration::from_secs(30)).await;
    let done = async |event: Value| match invoke(event).await {
        InvocationResult::Answered(numbers) => numbers,
        other => panic!("{other:?}"),
    };
    let file = world.file("alice").await;
    world.delete(&file).await;
    world.object("bob").await;
    let numbers = done(json!({ "task": "deletes" })).await;
    assert_eq!(
        (&numbers["removed"], &numbers["recorded"]),
        (&json!(1), &json!(0))
    );
    // The default event of an EventBridge schedule runs all tasks.
    let schedule =
        json!({ "source": "aws.events", "detail-type": "Scheduled Event", "resources": [] });
    let numbers = done(schedule).await;
    assert_eq!(
        (&numbers["recorded"], &numbers["finished"]),
        (&json!(1), &json!(true))
    );
    world.check().await;
    let shard = done(json!({ "task": "reconcile", "shard": 1, "shards": 2 })).await;
    assert_eq!(shard["failed"], 0);
    // A failed run fails the invocation, so that the alarm on the function's errors fires.
    for event in [json!({ "task": "tidy" }), json!({ "shard": 9 })] {
        assert!(matches!(invoke(event).await, InvocationResult::Failed(_)));
    }
    let lost = world.file("carol").await;
    let other = world.file("carol").await;
    for key in [lost, other] {
        world.remove_object(key.as_str()).await;
    }
    let event = json!({ "task": "reconcile" });
    let InvocationResult::Failed(error) = invoke(event).await else {
        panic!("it wants force");
    };
    assert!(error.to_string().contains("force"), "{error}");
    // Too little time: the run stops before its deadline and returns `finished: false`.
    let InvocationResult::Answered(numbers) =
        lambda.invoke(&json!({}), Duration::from_secs(5)).await
    else {
        panic!("an answer in time");
    };
    assert_eq!(numbers["finished"], false);
}

#[tokio::test]
async fn it_lists_the_keys_that_it_counts() {
    let world = World::new().await;
    let unrecorded = world.object("alice").await;
    let deleted = world.file("bob").await;
    world.delete(&deleted).await;
    let lost = world.file("carol").await;
    world.remove_object(lost.as_str()).await;
    crate::mess::put_foreign(&world, "theirs\n.txt").await;
    world
        .sql("UPDATE user_usage SET bytes = bytes + 1 WHERE user_id = 'bob'")
        .await;
    let mut expected = vec![
        json!({ "key": unrecorded.as_str(), "count": "recorded" }),
        json!({ "key": deleted.as_str(), "count": "removed" }),
        json!({ "key": lost.as_str(), "count": "forgotten" }),
        json!({ "key": "theirs\n.txt", "count": "foreign" }),
        json!({ "user": "bob", "count": "drifted" }),
    ];
    expected.sort_by_key(ToString::to_string);
    for args in [
        &["reconcile", "--list"][..],
        &["reconcile", "--apply", "--list"],
    ] {
        let (output, _) = maintain(&world, args).await;
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let numbers = lines.pop().unwrap();
        assert_eq!(
            (&numbers["recorded"], &numbers["foreign"]),
            (&json!(1), &json!(1))
        );
        lines.sort_by_key(ToString::to_string);
        assert_eq!(lines, expected, "{args:?}");
    }
    world.check().await;
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused() {
    let world = World::new().await;
    for wrong in [
        &["deletes", "--rebuild"][..],
        &["uploads", "--rebuild"],
        &["all", "--rebuild"],
        &["--erase", "--apply"],
        &["--erase", "alice", "--force"],
    ] {
        assert_eq!(
            maintain(&world, wrong).await.0.status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
    // A sub may begin with a dash.
    world.file("-dash").await;
    for args in [&["--erase", "-dash"][..], &["--erase=-dash", "--apply"]] {
        let (output, numbers) = maintain(&world, args).await;
        assert!(output.status.success());
        assert_eq!(numbers["erased"], 1);
    }
    let (output, _) = maintain(&world, &["--erase", "-dosh"]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("-dosh"), "{said}");
}

/// Every task stops with the same error, and stderr reports it once.
#[tokio::test]
async fn a_missing_bucket_is_named_once() {
    let world = World::new().await;
    let output = Command::new(PROGRAM)
        .args(["all", "--apply"])
        .env_clear()
        .envs(world.variables(&[("S3_BUCKET_NAME", "elsewhere")]))
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("NoSuchBucket").count(), 1, "{said}");
}
