//! Wrong buckets, keys, regions and events.

use serde_json::json;
use slipway_emulators::s3::Policy;

use crate::stack::{Plan, Stack, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_exist() {
    let stack = Stack::start(Plan::with("S3_BUCKET_NAME", "no-such-bucket")).await;
    stack.examine().await.finds(&["s3_bucket_missing"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_s3_does_not_accept() {
    for (name, value) in [
        ("AWS_SECRET_ACCESS_KEY", "another-secret"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
    ] {
        let stack = Stack::start(Plan::with(name, value)).await;
        stack.examine().await.finds(&["s3_credentials"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_region_than_the_buckets() {
    let stack = Stack::start(Plan::with("AWS_REGION", "eu-north-1")).await;
    stack.examine().await.finds(&["s3_region"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_that_does_not_respond() {
    let mut stack = Stack::healthy().await;
    stack.s3 = None;
    stack.examine().await.finds(&["s3_unreachable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_that_loses_the_metadata_of_a_signed_query() {
    let plan = Plan {
        loses_metadata: true,
        ..Plan::default()
    };
    let report = Stack::start(plan).await.examine().await;
    report.finds(&["s3_metadata"]);
    let said = report.text_of("list");
    assert!(said.contains("診断"), "{said}");
    assert!(said.contains(" comes back as \""), "{said}");
    // The rest works, with the name from the key.
    assert_eq!(
        report.text_of("clean-up"),
        "2 files were created and deleted again"
    );
    assert_eq!(
        report.text_of("download-name"),
        "the name was lost with the upload: see list"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_bucket() {
    let plan = Plan::default();
    let plan = Plan {
        policy: Policy {
            public_read: true,
            ..plan.policy.clone()
        },
        ..plan
    };
    let report = Stack::start(plan).await.examine().await;
    // The object, and the list of keys.
    report.finds(&["bucket_public", "bucket_public"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_do_not_arrive() {
    let plan = Plan {
        events: false,
        ..Plan::default()
    };
    let stack = Stack::start(plan).await;
    let report = stack
        .examine_with(&token(&json!({})), &["--event-seconds", "2"])
        .await;
    report.finds(&["events_missing"]);
    // The unrecorded object is removed as well.
    assert_eq!(
        report.text_of("clean-up"),
        "2 files were created and deleted again"
    );
    let report = stack
        .examine_with(&token(&json!({})), &["--no-events"])
        .await;
    report.finds(&[]);
    assert_eq!(report.text_of("events"), "--no-events");
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_of_another_deployment() {
    let mut stack = Stack::healthy().await;
    stack.outputs.insert("BucketName", "another".to_owned());
    stack.examine().await.finds(&["elsewhere"]);
}
