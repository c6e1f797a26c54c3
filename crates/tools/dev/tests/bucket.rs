//! `cargo dev bucket` against an S3 server with one bucket. It cannot create another, and does not
//! support settings of a bucket.
#![expect(clippy::expect_used, reason = "tests fail by panics")]

use std::process::Output;

use slipway_emulators::s3::{Policy, S3Options, S3Server};
use tempfile::TempDir;

const PAGE: &str = "https://app.example";

async fn server(folder: &TempDir, origins: Vec<String>) -> S3Server {
    let options = S3Options {
        root: folder.path().to_owned(),
        bucket: "files".to_owned(),
        region: "eu-central-1".to_owned(),
        access_key: "test".to_owned(),
        secret_key: "test-secret".to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
    };
    let policy = Policy {
        origins: Some(origins),
        ..Policy::default()
    };
    let started = S3Server::start_with(options, policy).await;
    started.expect("the S3 server starts").0
}

async fn run(variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_slipway-dev"));
    command.args(["bucket", "--origin", PAGE]);
    for name in [
        "S3_ENDPOINT",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL",
        "AWS_SESSION_TOKEN",
    ] {
        command.env_remove(name);
    }
    command
        .env("AWS_REGION", "eu-central-1")
        .env("S3_BUCKET_NAME", "files");
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test-secret");
    command.envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.expect("it starts");
    let said = [stdout, stderr].concat();
    let said = String::from_utf8(said).expect("text");
    assert!(!said.contains("test-secret"), "{said}");
    (status.success(), said)
}

#[tokio::test]
async fn an_existing_bucket_is_checked() {
    let folder = TempDir::new().expect("a folder");
    let server = server(&folder, vec![PAGE.to_owned()]).await;
    let endpoint = server.endpoint();
    // With the bucket in the path, as consoles show it; and twice, since it is idempotent.
    for endpoint in [endpoint.clone(), format!("{endpoint}/files/")] {
        let (done, said) = run(&[("S3_ENDPOINT", &endpoint)]).await;
        assert!(done, "{said}");
        for part in [
            "files is there",
            "not supported by API: 501 NotImplemented",
            "pages of https://app.example may upload and read",
            "the server does not support blocking it (501 NotImplemented); listing without a signature is refused",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[tokio::test]
async fn a_bucket_that_pages_cannot_use_is_reported() {
    let folder = TempDir::new().expect("a folder");
    let server = server(&folder, vec!["https://other.example".to_owned()]).await;
    let (done, said) = run(&[("S3_ENDPOINT", &server.endpoint())]).await;
    assert!(!done, "{said}");
    let refused = "browsers keep pages of https://app.example out: the preflight response is 403 AccessForbidden";
    assert!(said.contains(refused), "{said}");
    assert!(
        said.contains("headers content-type, if-none-match, range, if-range"),
        "{said}"
    );
}

#[tokio::test]
async fn problems_are_named() {
    let folder = TempDir::new().expect("a folder");
    let server = server(&folder, vec![PAGE.to_owned()]).await;
    let endpoint = server.endpoint();
    let endpoint = endpoint.as_str();
    for (variables, problem) in [
        (vec![], "S3_ENDPOINT is not set"),
        (
            vec![("S3_ENDPOINT", "s3.example.com")],
            "S3_ENDPOINT must be https://s3.example.com",
        ),
        (
            vec![("S3_ENDPOINT", endpoint), ("S3_BUCKET_NAME", "others")],
            "the bucket others was not created",
        ),
        (
            vec![
                ("S3_ENDPOINT", endpoint),
                ("AWS_SECRET_ACCESS_KEY", "wrong"),
            ],
            "the secret key does not match the access key",
        ),
        (
            vec![("S3_ENDPOINT", "http://127.0.0.1:1")],
            "http://127.0.0.1:1 does not respond",
        ),
    ] {
        let (done, said) = run(&variables).await;
        assert!(!done && said.contains(problem), "{problem}: {said}");
    }
}
