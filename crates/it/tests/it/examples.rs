//! The examples of refusals in `openapi.yaml` say what the functions say.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use slipway_core::{Error, FileId};

use crate::event::{Event, claims, signed};
use crate::spec::{operations, resolved};
use crate::world::{World, offline};

/// Code and sentence of every example of a refusal.
fn examples() -> BTreeSet<(String, String)> {
    // Multipart uploads have sentences of their own.
    let whole = operations().filter(|(path, _, _)| !path.starts_with("/multipart"));
    let responses = whole.flat_map(|(_, _, operation)| {
        let responses = operation["responses"].as_object().unwrap();
        responses.values()
    });
    let contents = responses.map(|response| &resolved(response)["content"]["application/json"]);
    let shown = contents.flat_map(|content| {
        let named = content["examples"].as_object();
        let named = named.into_iter().flat_map(|named| named.values());
        let named = named.map(|example| &example["value"]);
        named.chain(content.get("example"))
    });
    shown
        .filter_map(|example| {
            let text = |name: &str| example[name].as_str().map(str::to_owned);
            Some((text("code")?, text("error")?))
        })
        .collect()
}

/// What the functions say, at requests that lead to each example.
async fn said() -> BTreeSet<(String, String)> {
    let mut said = BTreeSet::new();
    let mut say = |(status, code): (u16, &str), answer: crate::world::Answer| {
        said.insert((code.to_owned(), answer.refused(status, code)));
    };
    let presign = Event::new("POST", "/presign-upload");
    let strict = offline(&[
        ("MAX_UPLOAD_BYTES", "10485760"),
        ("ALLOWED_CONTENT_TYPES", "image/*,application/pdf"),
    ]);
    say(
        (400, "invalid_request"),
        strict.send(presign.clone().by("alice")).await,
    );
    let mut past = claims("alice");
    past["exp"] = json!(past["exp"].as_i64().unwrap() - 7200);
    let expired = presign.header("authorization", &format!("Bearer {}", signed(&past)));
    say((401, "unauthenticated"), strict.send(expired).await);
    let file =
        |kind: &str, size: u64| json!({ "fileName": "a", "contentType": kind, "size": size });
    let ask = async |body: Value| strict.post("alice", "/presign-upload", body).await;
    say(
        (413, "file_too_large"),
        ask(file("image/png", 10_485_761)).await,
    );
    say((415, "type_not_allowed"), ask(file("text/html", 1)).await);
    let large = file("image/png", 5_368_709_121);
    let wide = offline(&[]);
    say(
        (413, "use_multipart"),
        wide.post("alice", "/presign-upload", large).await,
    );

    let world = World::new().await;
    let save = async |user: &str, key: &str| {
        world
            .post(user, "/save-metadata", json!({ "objectKey": key }))
            .await
    };
    say((400, "invalid_key"), save("alice", "no key").await);
    let key = format!("alice/{}/a.txt", FileId::new());
    say((403, "forbidden"), save("bob", &key).await);
    say((409, "upload_not_found"), save("alice", &key).await);
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let text = |name: &str| file[name].as_str().unwrap();
    world.delete("alice", text("id")).await.expect(200);
    say(
        (410, "file_deleted"),
        save("alice", text("objectKey")).await,
    );
    say((404, "not_found"), world.delete("alice", text("id")).await);
    said
}

#[tokio::test]
async fn every_refusal_is_shown_as_it_is() {
    let mut known = said().await;
    // Nobody can ask for these.
    for fault in [
        Error::internal("", "a fault"),
        Error::unavailable("", "a fault"),
        Error::timeout(""),
    ] {
        known.insert((fault.code().as_str().into(), fault.client_message().into()));
    }
    let shown = examples();
    assert!(shown.len() >= 10, "{shown:?}");
    for example in &shown {
        assert!(known.contains(example), "{example:?} is none of {known:#?}");
    }
}
