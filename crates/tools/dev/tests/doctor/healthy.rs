//! A healthy stack; and an API that is unavailable, is not Slipway, refuses a page, or has a wrong
//! clock.

use std::time::Duration;

use serde_json::json;
use slipway_emulators::s3::Policy;

use crate::stack::{ORIGIN, Plan, Stack, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_stack_has_no_fault_and_no_leftovers() {
    let stack = Stack::healthy().await;
    let report = stack.examine().await;
    report.finds(&[]);
    // The S3 of this test has no TLS. Everything else was checked.
    assert_eq!(report.in_state("skipped"), ["tls-only"], "{report:?}");
    assert_eq!(
        report.in_state("ok"),
        [
            "database",
            "schema",
            "roles",
            "row-security",
            "writes",
            "api",
            "api-cors",
            "token",
            "api-database",
            "s3",
            "clock",
            "bucket-cors",
            "signed-type",
            "upload",
            "bucket-private",
            "save",
            "list",
            "read",
            "download-name",
            "delete",
            "upload",
            "events",
            "bucket-list",
            "clean-up"
        ],
        "{report:?}"
    );
    assert_eq!(
        report.text_of("clean-up"),
        "2 files were created and deleted again"
    );
    let admin = stack.database.admin().await;
    let live = admin
        .query("SELECT FROM s3_files WHERE deleted_at IS NULL", &[])
        .await;
    assert_eq!(live.expect("rows").len(), 0);
    // A late event may delete an object again, but never restores one.
    assert_eq!(stack.objects.lock().expect("the objects").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_parts_are_reported_as_skipped() {
    let mut stack = Stack::healthy().await;
    for name in [
        "AllowedOrigins",
        "RecordUploads",
        "DatabaseUrl",
        "BucketName",
    ] {
        stack.outputs.remove(name);
    }
    let report = stack.examine().await;
    report.finds(&[]);
    let skipped = ["database", "api-cors", "bucket-cors", "tls-only", "events"];
    assert_eq!(report.in_state("skipped"), skipped, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_does_not_respond() {
    let mut stack = Stack::healthy().await;
    stack.gateway = None;
    stack.examine().await.finds(&["api_unreachable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_slipway() {
    let mut stack = Stack::healthy().await;
    let s3 = stack.s3.as_ref().expect("S3").endpoint();
    stack.outputs.insert("ApiUrl", s3);
    stack.examine().await.finds(&["api_not_slipway"]);
    let path = format!("{}/stage", stack.gateway.as_ref().expect("the API").url());
    stack.outputs.insert("ApiUrl", path);
    stack.examine().await.finds(&["api_not_slipway"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_refuses_the_page() {
    let plan = Plan {
        origins: vec!["https://other.example".to_owned()],
        ..Plan::default()
    };
    let stack = Stack::start(plan).await;
    stack.examine().await.finds(&["api_cors"]);
    // Each origin has a request of its own.
    let origins = ["--origin", "https://other.example", "--origin", ORIGIN];
    let report = stack.examine_with(&token(&json!({})), &origins).await;
    report.finds(&["api_cors", "bucket_cors"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_the_page() {
    let plan = Plan {
        policy: Policy {
            origins: Some(vec![format!("{ORIGIN}/")]),
            ..Policy::default()
        },
        ..Plan::default()
    };
    Stack::start(plan)
        .await
        .examine()
        .await
        .finds(&["bucket_cors"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong() {
    let shifted = |seconds| Plan {
        clock_ahead: Duration::from_secs(seconds),
        ..Plan::default()
    };
    let report = Stack::start(shifted(20 * 60)).await.examine().await;
    report.finds(&["clock"]);
    assert_eq!(report.in_state("FAULT"), ["clock"]);
    assert!(
        report
            .text_of("clock")
            .starts_with("the clock of the API is "),
        "{report:?}"
    );
    // A few minutes break nothing yet.
    let report = Stack::start(shifted(5 * 60)).await.examine().await;
    report.finds(&["clock"]);
    assert_eq!(report.in_state("warning"), ["clock"]);
}
