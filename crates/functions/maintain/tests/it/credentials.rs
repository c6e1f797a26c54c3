//! The sources of the command's credentials: those of an operator, and those of a container or an
//! instance.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::sync::{Arc, Mutex};

use slipway_testkit::{HttpFault, HttpProxy};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::world::World;

/// Runs the command with these variables in place of the world's own credentials.
async fn maintain(world: &World, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut environment = world.variables(&[]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        environment.remove(name);
    }
    if variables.iter().any(|(name, _)| *name == "AWS_PROFILE") {
        environment.remove("AWS_REGION");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_maintain"))
        .args(args)
        .env_clear()
        .envs(environment)
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        // The test host has no instance metadata.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    slipway_testkit::capture_output("maintain", &output);
    output
}

/// A session of the bucket's key that expires after `seconds`.
fn session(number: usize, seconds: i64) -> String {
    let ends = OffsetDateTime::now_utc() + Duration::seconds(seconds);
    let ends = ends.format(&Rfc3339).unwrap();
    format!(
        r#"{{"Version": 1, "AccessKeyId": "AKIATESTS", "SecretAccessKey": "the secret of the tests", "Token": "session-{number}", "SessionToken": "session-{number}", "Expiration": "{ends}"}}"#
    )
}

/// The credentials endpoint of ECS and EKS: each response is a new session. The first few expire so
/// soon that they are renewed.
async fn container() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 1.. {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(client.read(&mut request).await.unwrap() > 0);
            let body = session(number, if number < 5 { 30 } else { 3600 });
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            client.write_all(answer.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
        }
    });
    format!("http://{address}/credentials")
}

#[tokio::test]
async fn a_containers_role_is_renewed_while_the_command_runs() {
    let world = World::new().await;
    for _ in 0..30 {
        world.object("alice").await;
    }
    let fault = HttpProxy::before(&world.endpoint()).await;
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let sessions = Arc::clone(&seen);
    // A request without a session of the container fails.
    fault.fail_by_head(move |head, _| {
        let head = head.to_ascii_lowercase();
        let token = head
            .lines()
            .find_map(|line| line.strip_prefix("x-amz-security-token: session-"));
        match token {
            Some(token) => {
                sessions.lock().unwrap().insert(token.trim().to_owned());
                None
            }
            None => Some(HttpFault::Respond(403, String::new())),
        }
    });
    let uri = container().await;
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str()),
        ("S3_ENDPOINT", &fault.endpoint()),
    ];
    let output = maintain(&world, &["--rebuild", "--apply"], &variables).await;
    assert!(output.status.success(), "{output:?}");
    let used = seen.lock().unwrap().clone();
    assert!(used.len() > 1, "{used:?}");
    world.check().await;
}

#[tokio::test]
async fn a_profile_gives_credentials_and_the_region() {
    let world = World::new().await;
    world.object("alice").await;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("credentials.sh");
    std::fs::write(&script, format!("#!/bin/sh\necho '{}'\n", session(1, 3600))).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = folder.path().join("config");
    let profile = format!(
        "[profile ops]\nregion = us-east-1\ncredential_process = {}\n",
        script.display()
    );
    std::fs::write(&config, profile).unwrap();
    let config = config.to_str().unwrap();
    let variables = [("AWS_CONFIG_FILE", config), ("AWS_PROFILE", "ops")];
    let output = maintain(&world, &["reconcile", "--apply"], &variables).await;
    assert!(output.status.success(), "{output:?}");
    world.check().await;
}

#[tokio::test]
async fn without_any_the_error_says_what_was_looked_for() {
    let world = World::new().await;
    let output = maintain(&world, &[], &[]).await;
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    for word in ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "aws sso login"] {
        assert!(said.contains(word), "{said}");
    }
}
