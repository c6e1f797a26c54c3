//! How a path may arrive: with a stage, a base path or percent-encoded.

use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;

use crate::world::{World, route};

#[tokio::test]
async fn a_named_stage_precedes_the_path() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let id = file["id"].as_str().unwrap();
    for stage in ["prod", "v1", "files", "usage"] {
        for path in [
            "/files".to_owned(),
            format!("/files/{id}"),
            "/usage".to_owned(),
        ] {
            let mut event =
                GatewayEvent::new("GET", &format!("/{stage}{path}")).bearer(&token("alice"));
            event.0["requestContext"]["stage"] = stage.into();
            world.send(event).await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_custom_domains_base_path_precedes_the_path() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let id = file["id"].as_str().unwrap();
    for (template, path) in [
        ("/files", "/files".to_owned()),
        ("/files/{id}", format!("/files/{id}")),
        ("/usage", "/usage".to_owned()),
    ] {
        let route = route("GET", &path).unwrap();
        for base in ["v1", "api/v1", "files", "files/usage"] {
            let mut event =
                GatewayEvent::new("GET", &format!("/{base}{path}")).bearer(&token("alice"));
            event.0["requestContext"]["routeKey"] = format!("GET {template}").into();
            world.send_by(route, event).await.expect(200);
        }
    }
}

#[tokio::test]
async fn an_id_in_the_path_may_be_percent_encoded() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let id = file["id"].as_str().unwrap();
    let encoded: Vec<_> = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let encoded = encoded.concat();
    let found = world
        .get("alice", &format!("/files/{encoded}"))
        .await
        .expect(200);
    assert_eq!(found["file"]["id"], file["id"]);
    world
        .delete("alice", &encoded.replace("%2D", "-"))
        .await
        .expect(200);
}
