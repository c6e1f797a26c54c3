//! The template gives each function the variables that it reads, and no others. The test gives the
//! function an environment that records what it reads.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use slipway_api::Identity;
use slipway_core::env::Environment;

use super::{functions, template};

/// Lambda sets these itself.
const LAMBDAS: [&str; 7] = [
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
];

/// For S3 servers other than AWS.
const ELSEWHERE: [&str; 4] = [
    "S3_ENDPOINT",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
];

/// A valid value, with which the function continues to read variables.
pub(super) fn value(name: &str) -> Option<&'static str> {
    Some(match name {
        "S3_BUCKET_NAME" => "bucket",
        "AWS_REGION" => "eu-central-1",
        // Nothing listens there, but a function starts all the same.
        "DATABASE_URL" => "postgres://u:p@127.0.0.1:1/d",
        "JWT_SECRET" => "0123456789abcdef0123456789abcdef",
        "JWT_ISSUER"
        | "JWT_AUDIENCE"
        | "AWS_ACCESS_KEY_ID"
        | "AWS_SECRET_ACCESS_KEY"
        | "SIGNING_ACCESS_KEY_ID"
        | "SIGNING_SECRET_ACCESS_KEY" => "x",
        "USER_QUOTA_BYTES" => "1000",
        // These must be set together.
        "REQUIRE_SCAN" | "WRITE_ONCE" => "true",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER" => "http://127.0.0.1:1",
        "WEBHOOK_URL" => "https://app.example/webhook",
        "WEBHOOK_SECRET" => "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        "WEBHOOK_QUEUE_URL" => "https://sqs.eu-central-1.amazonaws.com/000000000000/q",
        _ => return None,
    })
}

pub(super) async fn read_by(package: &str) -> BTreeSet<String> {
    let read = Arc::new(Mutex::new(BTreeSet::new()));
    let notes = read.clone();
    let is_presign = package == "presign";
    let env = &Environment::new(move |name| {
        notes.lock().expect("notes").insert(name.to_owned());
        // presign has no quota.
        value(name)
            .filter(|_| !is_presign || name != "USER_QUOTA_BYTES")
            .map(str::to_owned)
    });
    slipway_log::init(env).expect("a log");
    match package {
        "presign" => drop(slipway_presign::Presign::from_env(env).expect(package)),
        "presign-quota" => {
            let made = slipway_presign_quota::PresignQuota::from_env(env).await;
            drop(made.expect(package));
        }
        "save-metadata" => {
            let made = slipway_save_metadata::SaveMetadata::from_env(env).await;
            drop(made.expect(package));
        }
        "files" => drop(slipway_files::Files::from_env(env).await.expect(package)),
        "delete" => drop(slipway_delete::Delete::from_env(env).await.expect(package)),
        "rename" => drop(slipway_rename::Rename::from_env(env).await.expect(package)),
        "multipart" => {
            let made = slipway_multipart::Multipart::from_env(env).await;
            drop(made.expect(package));
        }
        "record-upload" => {
            let made = slipway_record_upload::RecordUpload::from_env(env).await;
            drop(made.expect(package));
        }
        "preview" => {
            let made = slipway_preview::MakePreviews::from_env(env).await;
            drop(made.expect(package));
        }
        "notify" => drop(slipway_notify::Notify::from_env(env).await.expect(package)),
        "maintain-function" => {
            let made = slipway_maintain::Maintain::from_env(env).await;
            drop(made.expect(package));
        }
        "migrate" => drop(slipway_migrate::Migrate::from_env(env).expect(package)),
        other => panic!("{other} is not known here"),
    }
    // Functions of events use only `emulator` of `api`, and no client calls them with a token.
    let is_called = ![
        "maintain-function",
        "migrate",
        "notify",
        "preview",
        "record-upload",
    ]
    .contains(&package);
    if is_called && crate::rules::depends(package, "api") {
        drop(Identity::from_env(env).expect(package));
    }
    if crate::rules::depends(package, "secret") {
        let notes = read.clone();
        let arn = move |name: &str| {
            notes.lock().expect("notes").insert(name.to_owned());
            (name == "DATABASE_URL_SECRET_ARN").then(|| "arn".to_owned())
        };
        let fetched = slipway_secret::with_database_url(env.clone().overridden(arn)).await;
        assert!(fetched.is_err(), "no server is there");
    }
    std::mem::take(&mut read.lock().expect("notes"))
}

/// Settings whose default is right for every deployment on AWS, and a key that `JWT_KEYS` replaces.
const WITHOUT_PARAMETER: [&str; 2] = ["DETECT_CONTENT", "JWT_PUBLIC_KEY"];

/// Secrets are only in the environment of the functions that use them. The address of a webhook may
/// contain one.
const SECRETS: [&str; 8] = [
    "DATABASE_URL",
    "DATABASE_URL_UNPOOLED",
    "JWT_SECRET",
    "SIGNING_ACCESS_KEY_ID",
    "SIGNING_SECRET_ACCESS_KEY",
    "WEBHOOK_QUEUE_URL",
    "WEBHOOK_SECRET",
    "WEBHOOK_URL",
];

/// The variables that are set. `AWS::NoValue` removes one of `Globals`.
fn names(variables: &Value) -> BTreeSet<String> {
    let variables = variables.as_object().into_iter().flatten();
    let is_set = |(_, value): &(&String, &Value)| value["Ref"] != "AWS::NoValue";
    let variables = variables.filter(is_set);
    variables.map(|(name, _)| name.clone()).collect()
}

/// Settings of glibc, which the code does not read.
fn of_glibc(name: &str) -> bool {
    name.starts_with("MALLOC_")
}

#[tokio::test]
async fn each_function_is_given_what_it_reads() {
    let common = names(&template()["Globals"]["Function"]["Environment"]["Variables"]);
    let mut read_by_some = BTreeSet::new();
    for function in functions() {
        let package = function.package;
        let own = names(&function.properties["Environment"]["Variables"]);
        let mut expected = read_by(package).await;
        for name in LAMBDAS.iter().chain(&ELSEWHERE).chain(&WITHOUT_PARAMETER) {
            expected.remove(*name);
        }
        if crate::rules::depends(package, "db") {
            // OpenSSL reads it.
            expected.extend(["SSL_CERT_DIR", "SSL_CERT_FILE"].map(str::to_owned));
        }
        let (secret, plain): (BTreeSet<_>, BTreeSet<_>) = expected
            .into_iter()
            .partition(|name| SECRETS.contains(&name.as_str()));
        assert_eq!(own, secret, "{package}");
        assert!(plain.is_subset(&common), "{package}: {plain:?}");
        read_by_some.extend(plain);
    }
    let given: BTreeSet<_> = common.into_iter().filter(|it| !of_glibc(it)).collect();
    assert_eq!(given, read_by_some);
}
