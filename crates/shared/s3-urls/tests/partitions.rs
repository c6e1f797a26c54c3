//! Every region's host is the one that the AWS SDK resolves, by the partition data that the SDK holds.
#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use serde_json::Value;
use slipway_s3_urls::Location;

/// The SDK's partitions: a JSON document that stands as a literal in its source, since it has no public API.
fn partitions() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let sdk = packages
        .iter()
        .find(|package| package["name"] == "aws-sdk-s3")
        .expect("the SDK");
    let manifest = PathBuf::from(sdk["manifest_path"].as_str().expect("a path"));
    let source = manifest.with_file_name("src").join("endpoint_lib.rs");
    let source = std::fs::read_to_string(source).expect("the SDK's source");
    let (_, literal) = source
        .split_once(r#"new_from_json(b""#)
        .expect("the partitions");
    let (literal, _) = literal.split_once(r#"").expect"#).expect("their end");
    let document = literal.replace(r#"\""#, "\"").replace(r"\\", r"\");
    serde_json::from_str(&document).expect("JSON")
}

/// Names that `regex` takes, `^(us|eu)\-\w+\-\d+$`, of places that nobody has built.
fn future(regex: &str) -> Vec<String> {
    let plain = regex
        .trim_matches(['^', '$'])
        .replace(r"\-", "-")
        .replace(r"\w+", "futureplace")
        .replace(r"\d+", "99");
    let Some((before, rest)) = plain.split_once('(') else {
        return vec![plain];
    };
    let (choices, after) = rest.split_once(')').expect("a group ends");
    assert!(!after.contains(['(', '\\', '[', '*', '+']), "{regex}");
    choices
        .split('|')
        .map(|choice| format!("{before}{choice}{after}"))
        .collect()
}

fn regions() -> BTreeSet<String> {
    let mut regions: BTreeSet<String> = [
        // These match no partition, or only nearly.
        "cn-north",
        "cn--1",
        "cn-north-x",
        "cn-a-b-1",
        "us-iso-1",
        "us-isox-east-1",
        "eusc-fr-west-1",
        "eusc-de-1",
        "xx-north-1",
        "local",
        "us-gov-west-1-fips",
    ]
    .map(str::to_owned)
    .into();
    let partitions = partitions();
    let partitions = partitions["partitions"].as_array().expect("a list");
    assert!(partitions.len() >= 8, "{}", partitions.len());
    for partition in partitions {
        let known = partition["regions"].as_object().expect("regions").keys();
        // The names of partition-wide services, where no function runs.
        regions.extend(known.filter(|name| !name.ends_with("-global")).cloned());
        regions.extend(future(partition["regionRegex"].as_str().expect("a regex")));
    }
    regions
}

#[tokio::test]
async fn every_regions_host_is_the_sdks() {
    let regions = regions();
    for name in [
        "eusc-de-east-1",
        "us-isof-south-1",
        "cn-northwest-1",
        "ap-southeast-7",
    ] {
        assert!(regions.contains(name), "{name}");
    }
    for region in regions {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
            .build();
        for bucket in ["photos", "my.photos"] {
            let signed = aws_sdk_s3::Client::from_conf(config.clone())
                .get_object()
                .bucket(bucket)
                .key("k")
                .presigned(PresigningConfig::expires_in(Duration::from_secs(9)).expect("a time"))
                .await;
            let theirs = match &signed {
                Ok(signed) => signed.uri().split('/').nth(2).expect("a host"),
                Err(error) => panic!("{region}: {error:?}"),
            };
            let ours = Location::at_aws(bucket.to_owned(), region.clone());
            assert_eq!(ours.host(), theirs, "{region}");
        }
    }
}
