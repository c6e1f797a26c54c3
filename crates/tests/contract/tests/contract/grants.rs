//! Every permission is needed: one run through all requests of the functions uses every S3 action
//! that their roles grant.
//!
//! The local S3 grants each function what its role in `template.yaml` grants, so all other tests
//! prove that the grants suffice. The S3 server notes which grants a request used, and for which
//! operation. `docs/iam.md` is the list.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use aws_sdk_s3::types::{Tag, Tagging};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_emulators::s3::{Role, Used};
use slipway_maintain::Maintain;

use crate::spec::{read, root};
use crate::world::{BUCKET, Events, World};

const BYTES: &[u8] = b"hello";

#[tokio::test]
async fn every_granted_action_is_used() {
    let world = World::new().await;
    Box::pin(files(&world)).await;
    Box::pin(uploads_in_parts(&world)).await;
    Box::pin(events(&world)).await;
    Box::pin(previews(&world)).await;
    Box::pin(maintenance(&world)).await;

    let used = world.server.used();
    for role in Role::ours(BUCKET, &[]).unwrap() {
        let granted: BTreeSet<_> = role.document.grants().map(|(action, _)| action).collect();
        let used = used.get(&role.function).into_iter();
        let used: BTreeSet<_> = used.flat_map(BTreeMap::keys).map(String::as_str).collect();
        assert_eq!(used, granted, "{}", role.function);
    }
    let page = page(&used);
    if std::env::var_os("SLIPWAY_WRITE").is_some() {
        std::fs::write(root().join("docs/iam.md"), &page).unwrap();
    }
    let outdated = "docs/iam.md is out of date; its first lines have the command that rewrites it";
    assert_eq!(read("docs/iam.md"), page, "{outdated}");
}

/// Presigning, recording, reading and deleting.
async fn files(world: &World) {
    let quota = world.app(&[("USER_QUOTA_BYTES", "1000")]);
    quota.put_new("bob", "a.txt", "text/plain", BYTES).await;

    let saved = world.upload("alice", "a.txt", "text/plain", BYTES).await;
    assert_eq!(world.read(&saved["url"]).await.status(), 200);
    let listed = world.list("alice").await;
    assert_eq!(world.read(&listed[0]["url"]).await.status(), 200);
    renames(world, &saved).await;
    world.delete("alice", id(&saved)).await.expect(200);

    let another = world.upload("alice", "b.txt", "text/plain", BYTES).await;
    let ids = json!({ "ids": [another["id"]] });
    world.post("alice", "/files/delete", ids).await.expect(200);

    // The object is missing.
    let ask = json!({ "fileName": "c.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    world
        .save("alice", &presigned)
        .await
        .refused(409, "upload_not_found");

    // Refused, and therefore deleted.
    let large = world.put_new("alice", "d.txt", "text/plain", BYTES).await;
    let strict = world.app(&[("MAX_UPLOAD_BYTES", "1")]);
    strict.save("alice", &large).await.expect(413);
    assert!(world.object(key(&large)).await.is_none());
}

/// Renaming: with tags, of a missing object, and of one that is refused.
async fn renames(world: &World, saved: &Value) {
    let tagging = world.s3().await.put_object_tagging().bucket(BUCKET);
    let tag = Tag::builder().key("a").value("b").build().unwrap();
    let tags = Tagging::builder().tag_set(tag).build().unwrap();
    let tagging = tagging.key(key(saved)).tagging(tags);
    Box::pin(tagging.send()).await.unwrap();
    let body = json!({ "fileName": "renamed.txt" });
    let renamed = world.patch("alice", id(saved), body.clone()).await;
    assert_eq!(
        world
            .read(&renamed.expect(200)["file"]["url"])
            .await
            .status(),
        200
    );

    let gone = world.upload("alice", "b.txt", "text/plain", BYTES).await;
    world.remove_object(key(&gone)).await;
    world
        .patch("alice", id(&gone), body.clone())
        .await
        .refused(404, "not_found");

    // Replaced by a larger one since, which the record step refuses.
    let replaced = world.put_new("alice", "c.txt", "text/plain", BYTES).await;
    world.save("alice", &replaced).await.expect(201);
    world.put(&replaced, b"hello again").await;
    let strict = world.app(&[("MAX_UPLOAD_BYTES", "5")]);
    strict
        .patch("alice", id(&replaced), body)
        .await
        .refused(409, "file_changed");
    assert!(world.object(key(&replaced)).await.is_none());
}

async fn uploads_in_parts(world: &World) {
    let begun = world.uploaded("alice", BYTES).await;
    let file = world.complete("alice", &begun).await.expect(201)["file"].take();
    assert_eq!(world.read(&file["url"]).await.status(), 200);

    let begun = world.uploaded("alice", BYTES).await;
    world.abort("alice", &begun).await.expect(200);

    // Aborted by a lifecycle rule.
    let begun = world.uploaded("alice", BYTES).await;
    let abort = world.s3().await.abort_multipart_upload().bucket(BUCKET);
    let abort = abort.key(key(&begun)).upload_id(world.s3_id(&begun).await);
    Box::pin(abort.send()).await.unwrap();
    world.complete("alice", &begun).await.expect(404);

    let large = world.uploaded("alice", BYTES).await;
    let strict = world.app(&[("MAX_MULTIPART_BYTES", "1")]);
    strict.complete("alice", &large).await.expect(413);
    assert!(world.object(key(&large)).await.is_none());
}

async fn events(world: &World) {
    world.notifications().await;
    world.put_new("alice", "a.txt", "text/plain", BYTES).await;
    world.deliver_events(Events::Once).await;

    let gone = world.put_new("alice", "b.txt", "text/plain", BYTES).await;
    world.remove_object(key(&gone)).await;
    world.deliver_events(Events::Once).await;

    let large = world.put_new("alice", "c.txt", "text/plain", BYTES).await;
    let strict = world.app(&[("MAX_UPLOAD_BYTES", "1")]);
    for event in world.notifications().await {
        strict.deliver(event).await.unwrap();
    }
    assert!(world.object(key(&large)).await.is_none());
}

/// A preview that is made, read and out of date, and the preview of a deleted file.
async fn previews(world: &World) {
    let saved = world
        .upload(
            "dave",
            "a.jpg",
            "image/jpeg",
            &crate::previews::photo(40, 30),
        )
        .await;
    crate::previews::deliver(world, key(&saved), 1)
        .await
        .unwrap();
    let listed = world.list("dave").await;
    assert_eq!(world.read(&listed[0]["previewUrl"]).await.status(), 200);
    world.delete("dave", id(&saved)).await.expect(200);
    crate::previews::deliver(world, key(&saved), 2)
        .await
        .unwrap();
    // An object that is missing although its row says otherwise.
    let photo = crate::previews::photo(20, 20);
    let lost = world.upload("dave", "b.jpg", "image/jpeg", &photo).await;
    world.remove_object(key(&lost)).await;
    crate::previews::deliver(world, key(&lost), 1)
        .await
        .unwrap_err();
    world.delete("dave", id(&lost)).await.expect(200);
}

async fn maintenance(world: &World) {
    let unrecorded = world.put_new("carol", "a.txt", "text/plain", BYTES).await;
    // A delete that S3 refused: the row is a tombstone, and the object still exists.
    let left = world.upload("carol", "b.txt", "text/plain", BYTES).await;
    let broken = world.app(&[("AWS_SECRET_ACCESS_KEY", "0therSecretKeyOfThisTest")]);
    broken.delete("carol", id(&left)).await.expect(200);
    assert!(world.object(key(&left)).await.is_some());
    // A row and an upload in S3 that are older than the limit.
    world.uploaded("carol", BYTES).await;
    let age = "UPDATE multipart_uploads SET created_at = now() - interval '8 days';
               UPDATE s3_files SET deleted_at = now() - interval '37 hours' WHERE deleted_at IS NOT NULL";
    world.sql().await.batch_execute(age).await.unwrap();

    let variables = world.variables("maintain-function");
    let env: Environment = variables.into_iter().collect();
    let maintain = Maintain::from_env(&env).await.unwrap();
    let event = LambdaEvent::new(json!({}), Context::default());
    Box::pin(maintain.handle(event)).await.unwrap();
    assert!(world.row(id(&unrecorded)).await.is_some());
    assert!(world.object(key(&left)).await.is_none());
    assert!(world.s3_uploads().await.is_empty());
}

fn id(file: &Value) -> &str {
    file["id"].as_str().expect("an id")
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().expect("a key")
}

const INTRODUCTION: &str = "\
# Permissions of the functions

This page lists every S3 action that `template.yaml` grants a function, and the operations that use
it. The local S3 server knows each function by its access key and refuses every request that the
function's role does not grant, so the tests of the functions show that the grants are sufficient. A
test runs all operations of all functions and fails if a grant is not used, so the grants are also
necessary. The following command writes this page:

    SLIPWAY_WRITE=1 cargo test --workspace --test contract grants

\"By URL\" is a request by a signed URL: S3 checks the role of the function that signed the URL.
S3 answers a request for a missing object with 404 if the caller has `s3:ListBucket`, and with 403
otherwise. *Objects* are keys of Slipway (`{owner}/{id}/{name}`) and no others. Versioning needs no
more permissions: the functions name no version, and the lifecycle expires old ones. Only `rename`
may read and write tags, because S3 requires that to copy an object together with its tags.

The local S3 server cannot check the grants of other services (`kms:GenerateDataKey` and
`kms:Decrypt` with a KMS key, each function's own log, the queues of `record-upload` and `notify`, the network, the
secret and tracing), so the tests of the template compare those with a list.

| function | action | on | used by |
|---|---|---|---|
";

fn page(used: &Used) -> String {
    let mut page = INTRODUCTION.to_owned();
    for (function, actions) in used {
        for (action, operations) in actions {
            let on = match action.as_str() {
                "s3:ListBucket" | "s3:ListBucketMultipartUploads" => "the bucket",
                _ => "objects",
            };
            let operations: Vec<_> = operations.iter().map(String::as_str).collect();
            let operations = operations.join(", ");
            writeln!(page, "| `{function}` | `{action}` | {on} | {operations} |").unwrap();
        }
    }
    page
}
