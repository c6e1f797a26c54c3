//! A command that receives SIGTERM, and one that is killed.

use std::process::{Output, Stdio};
use std::time::Duration;

use slipway_testkit::{HttpFault, HttpProxy};
use tokio::process::{Child, Command};

use crate::world::World;

fn start(world: &World, endpoint: &str, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_maintain"))
        .args(args)
        .env_clear()
        .envs(world.variables(&[("S3_ENDPOINT", endpoint)]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn ended(child: Child) -> Output {
    let output = child.wait_with_output().await.unwrap();
    slipway_testkit::capture_output("maintain", &output);
    output
}

/// A rebuild that holds its lease and waits for S3.
async fn waiting(world: &World, fault: &HttpProxy) -> Child {
    fault.fail(|line, _| line.starts_with("HEAD").then_some(HttpFault::Stall));
    let child = start(world, &fault.endpoint(), &["--rebuild", "--apply"]);
    let admin = world.database.admin().await;
    loop {
        let held = "SELECT count(*) FROM maintenance WHERE held_by IS NOT NULL";
        if admin.query_one(held, &[]).await.unwrap().get::<_, i64>(0) == 1 {
            return child;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    let status = Command::new("kill").args([name, &pid]).status().await;
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn a_signal_releases_the_lease_and_keeps_the_checkpoint() {
    let world = World::new().await;
    for _ in 0..5 {
        world.object("alice").await;
    }
    let fault = HttpProxy::before(&world.endpoint()).await;
    for name in ["-INT", "-TERM", "-HUP"] {
        let child = waiting(&world, &fault).await;
        signal(&child, name).await;
        let output = ended(child).await;
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("checkpoint"), "{said}");
        let numbers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(numbers["finished"], false);
        let sql = "SELECT held_by IS NULL AND held_until IS NULL AND position IS NOT NULL FROM maintenance";
        let row = world.database.admin().await.query_one(sql, &[]).await;
        assert!(row.unwrap().get::<_, bool>(0), "{name}");
    }
    fault.heal();
    let output = ended(start(&world, &fault.endpoint(), &["--rebuild", "--apply"])).await;
    assert!(output.status.success());
    world.check().await;
}

#[tokio::test]
async fn after_a_kill_it_is_said_until_when_the_lease_holds() {
    let world = World::new().await;
    world.object("alice").await;
    let fault = HttpProxy::before(&world.endpoint()).await;
    let mut child = waiting(&world, &fault).await;
    child.kill().await.unwrap();
    fault.heal();
    let output = ended(start(&world, &fault.endpoint(), &["--rebuild", "--apply"])).await;
    assert_eq!(output.status.code(), Some(1));
    let sql = "SELECT to_char(held_until AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') FROM maintenance";
    let row = world
        .database
        .admin()
        .await
        .query_one(sql, &[])
        .await
        .unwrap();
    let until: String = row.get(0);
    let said = String::from_utf8(output.stderr).unwrap();
    for word in [until.as_str(), "rebuild 0/1", " s)", "killed"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let numbers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = numbers["busyUntil"].as_str().unwrap();
    assert!(told.starts_with(&until), "{told} {until}");
    world.expire_leases().await;
    let output = ended(start(&world, &fault.endpoint(), &["--rebuild", "--apply"])).await;
    assert!(output.status.success());
    world.check().await;
}
