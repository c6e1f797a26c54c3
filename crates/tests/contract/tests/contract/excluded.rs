//! Requests that the generated tests leave out (`crates/tools/dev/tests/stack/openapi`) or that API
//! Gateway does not route, sent as events.

use serde_json::{Value, json};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;

use crate::spec::{document, operations};
use crate::world::{World, offline, route};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// `path` with an id in place of its parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/');
    let parts = parts.map(|part| if part.starts_with('{') { ID } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_malformed_on_every_route() {
    let world = World::new().await;
    let mut read = 0;
    for (path, method, operation) in operations() {
        for body in [
            &b"\xff"[..],
            b"K\xf7v",
            b"{\"\xc3\x28\": 1}",
            b"\xed\xa0\x80",
        ] {
            let event = GatewayEvent::new(&method.to_ascii_uppercase(), &filled(path));
            let answer = world.send(event.bearer(&token("alice")).bytes(body)).await;
            if operation["requestBody"].is_null() {
                assert!(answer.status < 500, "{method} {path}: {answer:?}");
            } else {
                answer.refused(400, "invalid_request");
                read += 1;
            }
        }
    }
    assert!(read >= 12, "{read}");
}

#[tokio::test]
async fn an_undescribed_method_is_not_found() {
    let world = World::new().await;
    let known = ["GET", "POST", "PATCH", "DELETE"];
    let others = ["TRACE", "CONNECT", "OPTIONS", "HEAD", "PUT", "QUERY"];
    for (path, _, _) in operations() {
        for method in known.into_iter().chain(others) {
            let path = filled(path);
            if route(method, &path).is_some() {
                continue;
            }
            for function in [
                "presign",
                "save-metadata",
                "files",
                "rename",
                "delete",
                "multipart",
            ] {
                let event = GatewayEvent::new(method, &path)
                    .bearer(&token("alice"))
                    .text("{}");
                let answer = world.send_stray(function, event).await;
                answer.refused(404, "not_found");
            }
        }
    }
}

#[tokio::test]
async fn an_integer_with_a_fraction_is_refused() {
    let said = document()["info"]["description"].as_str().expect("a text");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("without fraction and exponent."), "{said}");
    let app = offline(&[]);
    let file = |size: &str| format!(r#"{{"fileName": "a", "contentType": "a/b", "size": {size}}}"#);
    for size in ["5.0", "0.0", "-0.0", "5e0", "1E2", "115827.0"] {
        for body in [file(size), format!(r#"{{"files": [{}]}}"#, file(size))] {
            let event = GatewayEvent::new("POST", "/presign-upload")
                .bearer(&token("alice"))
                .text(&body);
            app.send(event).await.refused(400, "invalid_request");
        }
    }
    let whole = json!({ "fileName": "a", "contentType": "a/b", "size": 5 });
    assert_eq!(
        app.presign("alice", whole).await["success"],
        Value::Bool(true)
    );
}
