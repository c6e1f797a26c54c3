//! The examples of error responses in `openapi.yaml` are the functions' own.

use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::{claims, signed_token, token};
use std::collections::BTreeSet;

use serde_json::{Value, json};
use slipway_core::{Error, FileId};

use crate::multipart_complete::complete_by_hand;
use crate::spec::{operations, resolved};
use crate::world::{Answer, MIB, World, offline};

/// Code and message of every example of an error.
fn examples() -> BTreeSet<(String, String)> {
    let responses = operations().flat_map(|(_, _, operation)| {
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

/// The codes and messages that the functions returned.
#[derive(Default)]
struct ReturnedErrors(BTreeSet<(String, String)>);

impl ReturnedErrors {
    fn add(&mut self, (status, code): (u16, &str), answer: Answer) {
        self.0
            .insert((code.to_owned(), answer.refused(status, code)));
    }
}

/// Sends a request for each example.
async fn returned_errors() -> BTreeSet<(String, String)> {
    let mut returned_errors = ReturnedErrors::default();
    about_multipart_uploads(&mut returned_errors).await;
    about_what_s3_has(&mut returned_errors).await;
    let mut add = |what: (u16, &str), answer: Answer| returned_errors.add(what, answer);
    let presign = GatewayEvent::new("POST", "/presign-upload");
    let strict = offline(&[
        ("MAX_UPLOAD_BYTES", "10485760"),
        ("ALLOWED_CONTENT_TYPES", "image/*,application/pdf"),
    ]);
    add(
        (400, "invalid_request"),
        strict.send(presign.clone().bearer(&token("alice"))).await,
    );
    let mut past = claims("alice");
    past["exp"] = json!(past["exp"].as_i64().unwrap() - 7200);
    let expired = presign.clone().bearer(&signed_token(&past));
    add((401, "unauthenticated"), strict.send(expired).await);
    let teams = offline(&[("OWNER_CLAIM", "org_id")]);
    add(
        (403, "forbidden"),
        teams.send(presign.bearer(&token("alice"))).await,
    );
    let file =
        |kind: &str, size: u64| json!({ "fileName": "a", "contentType": kind, "size": size });
    let ask = async |body: Value| strict.post("alice", "/presign-upload", body).await;
    add(
        (413, "file_too_large"),
        ask(file("image/png", 10_485_761)).await,
    );
    add((415, "type_not_allowed"), ask(file("text/html", 1)).await);
    let large = file("image/png", 5_368_709_121);
    let wide = offline(&[]);
    add(
        (413, "use_multipart"),
        wide.post("alice", "/presign-upload", large).await,
    );
    let huge = json!({ "fileName": "x".repeat(1024 * 1024) });
    add(
        (413, "request_too_large"),
        wide.post("alice", "/presign-upload", huge).await,
    );

    let world = World::new().await;
    let save = async |user: &str, key: &str| {
        world
            .post(user, "/save-metadata", json!({ "objectKey": key }))
            .await
    };
    add((400, "invalid_key"), save("alice", "no key").await);
    let key = format!("alice/{}/a.txt", FileId::new());
    add((403, "forbidden"), save("bob", &key).await);
    add((409, "upload_not_found"), save("alice", &key).await);
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let text = |name: &str| file[name].as_str().unwrap();
    world.delete("alice", text("id")).await.expect(200);
    add(
        (410, "file_deleted"),
        save("alice", text("objectKey")).await,
    );
    add((404, "not_found"), world.delete("alice", text("id")).await);
    returned_errors.0
}

async fn about_multipart_uploads(returned_errors: &mut ReturnedErrors) {
    let world = World::with(&[("USER_QUOTA_BYTES", "1073741824")]).await;
    let begun = world.begin("alice", 45 * MIB).await;
    let missing = vec![0; 45 * MIB];
    world.put_parts("alice", &begun, &missing, &[1, 3, 4]).await;
    let answer = world.complete("alice", &begun).await;
    returned_errors.add((409, "parts_missing"), answer);
    let answer = world.abort("bob", &begun).await;
    returned_errors.add((404, "not_found"), answer);

    let deleted = world.uploaded("alice", b"hello").await;
    world.complete("alice", &deleted).await.expect(201);
    let id = deleted["id"].as_str().unwrap();
    world.delete("alice", id).await.expect(200);
    let answer = world.complete("alice", &deleted).await;
    returned_errors.add((410, "file_deleted"), answer);

    crate::unfinished::add_open(&world, "dave", 1000).await;
    let ask = json!({ "fileName": "a", "contentType": "a/b", "size": 1 });
    let answer = world.post("dave", "/multipart-uploads", ask).await;
    returned_errors.add((429, "too_many_uploads"), answer);

    let usage = "INSERT INTO user_usage (user_id, files, bytes) VALUES ($1, 1, 1072693248)
        ON CONFLICT (user_id) DO UPDATE SET bytes = excluded.bytes";
    for user in ["alice", "carol"] {
        world.sql().await.execute(usage, &[&user]).await.unwrap();
    }
    let ask = json!({ "fileName": "a", "contentType": "video/mp4", "size": 314_572_800 });
    let answer = world.post("carol", "/multipart-uploads", ask).await;
    returned_errors.add((413, "quota_exceeded"), answer);
    let full = "UPDATE user_usage SET bytes = 1073741824 WHERE user_id = 'carol'";
    let late = world.uploaded("carol", b"hello").await;
    world.sql().await.execute(full, &[]).await.unwrap();
    let answer = world.complete("carol", &late).await;
    returned_errors.add((413, "quota_exceeded"), answer);
}

/// Refusals of objects that S3 has: their type, and their bytes.
async fn about_what_s3_has(returned_errors: &mut ReturnedErrors) {
    let rules = r#"{"avatar": {"contentTypes": ["image/*"]}, "default": {}}"#;
    let world = World::with(&[("UPLOAD_RULES", rules)]).await;
    let key = format!("alice/{}/a.txt", FileId::new());
    let rule = [("rule", "avatar")];
    world.put_described(&key, "text/html", b"<b>", &rule).await;
    let answer = world.save("alice", &json!({ "objectKey": key })).await;
    returned_errors.add((415, "type_not_allowed"), answer);

    let file = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", file).await;
    world.put(&presigned, b"hello").await;
    world.save("alice", &presigned).await.expect(201);
    world.put(&presigned, b"other").await;
    let id = presigned["objectKey"].as_str().unwrap();
    let id = id.split('/').nth(1).unwrap();
    let answer = world
        .patch("alice", id, json!({ "fileName": "b.txt" }))
        .await;
    returned_errors.add((409, "file_changed"), answer);
    let large = "UPDATE s3_files SET size = 6442450944";
    world.sql().await.batch_execute(large).await.unwrap();
    let answer = world
        .patch("alice", id, json!({ "fileName": "b.txt" }))
        .await;
    returned_errors.add((413, "file_too_large"), answer);

    let begun = world.uploaded("alice", b"hello").await;
    let path = format!(
        "/multipart-uploads/{}/complete",
        begun["id"].as_str().unwrap()
    );
    let wrong = json!({ "checksumCrc64nvme": "rosUhgp5mIg=" });
    let answer = world.post("alice", &path, wrong.clone()).await;
    returned_errors.add((409, "checksum_mismatch"), answer);
    complete_by_hand(&world, &begun).await;
    let answer = world.post("alice", &path, wrong).await;
    returned_errors.add((409, "checksum_mismatch"), answer);
}

#[tokio::test]
async fn every_error_example_is_what_the_functions_return() {
    let mut known = returned_errors().await;
    // No request can lead to these.
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
