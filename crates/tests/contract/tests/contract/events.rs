//! Every file in `events/` has the effect that `events/README.md` describes.

use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::record_upload::found;
use crate::spec::{read, root};
use crate::world::{Answer, World};

const TEST_S3: &str = "alice/01890a5d-ac96-774b-bcce-b302099a8057/test-s3.txt";
const FIRST: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const UPLOAD: &str = "01890a5d-ac98-7f21-9c44-0a1b2c3d4e5f";
const SECOND: &str = "01890a5d-ac97-7d3b-a1c0-5f0e3d2c1b0a";

fn text(name: &str) -> String {
    read(&format!("events/{name}.json"))
}

/// The event of a file, with a valid token.
fn file(name: &str) -> Value {
    let text = text(name).replace("REPLACE_ME", &token("alice"));
    serde_json::from_str(&text).expect("JSON")
}

async fn send(world: &World, name: &str) -> Answer {
    world.send(GatewayEvent(file(name))).await
}

#[test]
fn the_readme_lists_every_file_and_no_other() {
    let there: BTreeSet<String> = std::fs::read_dir(root().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    let readme = read("events/README.md");
    let listed: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(listed, there);
    // Every file is used in this module.
    let tests = read("crates/tests/contract/tests/contract/events.rs");
    for name in there {
        let stem = name.strip_suffix(".json").expect("JSON");
        assert!(tests.contains(&format!("\"{stem}\"")), "{name}");
    }
}

#[tokio::test]
async fn presign_by_every_kind_of_request() {
    let world = World::new().await;
    let without_key = world.app(&[("JWT_SECRET", "")]);
    let check = |name: &str, answer: Answer| {
        let presigned = answer.expect(200);
        let key = presigned["objectKey"].as_str().unwrap();
        assert!(
            key.starts_with("alice/") && key.ends_with("/test-s3.txt"),
            "{name}: {key}"
        );
        assert_eq!(
            presigned["headers"],
            json!({ "Content-Type": "text/plain" }),
            "{name}"
        );
    };
    for (name, authorized) in [
        ("apigw-v2-presign-claims", true),
        ("apigw-v2-presign-bearer", false),
        ("apigw-v2-presign-lambda-authorizer", true),
        ("rest-presign-claims", true),
        ("rest-presign-principal", true),
        ("function-url-presign-bearer", false),
        ("apigw-v2-named-stage", true),
    ] {
        check(name, send(&world, name).await);
        // With a configured key, the authorizer's claims do not count.
        let without_token = || GatewayEvent(serde_json::from_str(&text(name)).expect("JSON"));
        let answer = world.send(without_token()).await;
        answer.refused(401, "unauthenticated");
        // Without a key, only the authorizer's claims count.
        let answer = without_key.send(without_token()).await;
        if authorized {
            check(name, answer);
        } else {
            answer.refused(401, "unauthenticated");
        }
    }
}

#[tokio::test]
async fn presign_a_batch_and_a_body_in_base64() {
    let world = World::new().await;
    let batch = send(&world, "apigw-v2-presign-batch").await.expect(200);
    let uploads = batch["uploads"].as_array().unwrap();
    let headers: Vec<_> = uploads
        .iter()
        .map(|upload| upload["headers"].clone())
        .collect();
    assert_eq!(
        headers,
        [
            json!({
                "Content-Type": "text/plain; charset=utf-8",
                "x-amz-checksum-sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
            }),
            json!({ "Content-Type": "image/jpeg" }),
            json!({ "Content-Type": "application/pdf" }),
        ]
    );
    let encoded = send(&world, "apigw-v2-presign-base64-body")
        .await
        .expect(200);
    assert_eq!(encoded["headers"], json!({ "Content-Type": "image/jpeg" }));
    let key = encoded["objectKey"].as_str().unwrap();
    assert!(key.ends_with("/bergr-e-1-20.jpg"), "{key}");
}

#[tokio::test]
async fn the_other_requests() {
    let world = World::new().await;
    let second = format!("alice/{SECOND}/photo.png");
    send(&world, "apigw-v2-save-metadata")
        .await
        .refused(409, "upload_not_found");
    send(&world, "apigw-v2-get-file")
        .await
        .refused(404, "not_found");
    for name in ["apigw-v2-rename-file", "apigw-v2-delete-file"] {
        send(&world, name).await.refused(404, "not_found");
    }

    world.put_object(TEST_S3, "text/plain", b"hello").await;
    let saved = send(&world, "apigw-v2-save-metadata").await.expect(201);
    assert_eq!(saved["file"]["id"], FIRST);
    world.put_object(&second, "image/png", b"picture").await;
    world
        .save("alice", &json!({ "objectKey": second }))
        .await
        .expect(201);

    let page = send(&world, "apigw-v2-list-files").await.expect(200);
    assert_eq!(page["files"].as_array().unwrap().len(), 1);
    assert_eq!(page["files"][0]["id"], SECOND);
    let one = send(&world, "apigw-v2-get-file").await.expect(200);
    let url = one["file"]["url"].as_str().unwrap();
    assert!(
        url.contains("response-content-disposition=attachment"),
        "{url}"
    );
    let usage = send(&world, "apigw-v2-usage").await.expect(200);
    assert_eq!((&usage["files"], &usage["bytes"]), (&json!(2), &json!(12)));

    let renamed = send(&world, "apigw-v2-rename-file").await.expect(200);
    assert_eq!(renamed["file"]["fileName"], "renamed.txt");
    send(&world, "apigw-v2-delete-file").await.expect(200);
    let done = send(&world, "apigw-v2-delete-files").await.expect(200);
    assert_eq!(
        done,
        json!({ "success": true, "deleted": [SECOND], "missing": [FIRST] })
    );
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_multipart_upload() {
    let world = World::new().await;
    let begun = send(&world, "apigw-v2-multipart-create").await.expect(201);
    assert_eq!(begun["partCount"], 2);
    // The id in the event is replaced by the id of the upload.
    let sql = "UPDATE multipart_uploads SET id = $1, object_key = $2";
    let key = format!("alice/{UPLOAD}/video.mp4");
    let id = uuid::Uuid::try_parse(UPLOAD).unwrap();
    world.sql().await.execute(sql, &[&id, &key]).await.unwrap();
    let page = send(&world, "apigw-v2-multipart-list").await.expect(200);
    assert_eq!(page["uploads"][0]["id"], UPLOAD);
    let signed = send(&world, "apigw-v2-multipart-parts").await.expect(200);
    let sizes: Vec<_> = signed["parts"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&sizes[0]["size"], &sizes[1]["size"]),
        (&json!(1), &json!(5_242_880))
    );
    // S3 stores it under another key.
    send(&world, "apigw-v2-multipart-get")
        .await
        .refused(404, "not_found");
    send(&world, "apigw-v2-multipart-abort").await.expect(200);
    send(&world, "apigw-v2-multipart-complete")
        .await
        .refused(404, "not_found");
}

/// What `record-upload` reports for the event `name` if the bucket has these objects, and which
/// users then have files.
async fn check(name: &str, objects: &[&str], finds: Value, owners: &[&str]) {
    let world = World::new().await;
    for key in objects {
        world.put_object(key, "text/plain", b"hello").await;
    }
    world.notifications().await;
    // Delivered twice, as it may happen.
    let report = world.deliver(file(name)).await.unwrap();
    assert_eq!(found(&report), finds, "{name}");
    world.deliver(file(name)).await.unwrap();
    let users = world.sql().await;
    let rows = users
        .query(
            "SELECT user_id FROM s3_files WHERE deleted_at IS NULL ORDER BY id",
            &[],
        )
        .await
        .unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, owners, "{name}");
}

#[tokio::test]
async fn uploads_are_recorded() {
    let recorded = || json!({ "recorded": 1 });
    let none: &[&str] = &[];
    check("s3-object-created-put", &[TEST_S3], recorded(), &["alice"]).await;
    check("s3-object-created-put", none, json!({ "missing": 1 }), none).await;
    for name in [
        "eventbridge-object-created",
        "sns-s3-notification",
        "minio-object-created-put",
    ] {
        check(name, &[TEST_S3], recorded(), &["alice"]).await;
    }
    let video = "alice/01890a5d-ac98-7f21-9c44-0a1b2c3d4e5f/video.mp4";
    check(
        "s3-object-created-multipart",
        &[video],
        recorded(),
        &["alice"],
    )
    .await;
}

#[tokio::test]
async fn encoded_keys_are_decoded() {
    let objects = [
        "alice@example.com/01890a5d-ac96-774b-bcce-b302099a8057/test-s3.txt",
        "auth0~7Calice/01890a5d-ac97-7d3b-a1c0-5f0e3d2c1b0a/test-s3.txt",
        "reports/Q1 2023 | Übersicht (1).pdf",
    ];
    let owners = ["alice@example.com", "auth0|alice"];
    let finds = json!({ "recorded": 2, "foreign": 1 });
    check("s3-object-created-encoded-key", &objects, finds, &owners).await;
}

#[tokio::test]
async fn removals_are_processed() {
    for name in ["s3-object-removed", "eventbridge-object-deleted"] {
        // The object still exists, or exists again.
        check(name, &[TEST_S3], json!({ "recorded": 1 }), &["alice"]).await;
        check(name, &[], json!({ "missing": 1 }), &[]).await;
        let world = World::new().await;
        world.put_object(TEST_S3, "text/plain", b"hello").await;
        world
            .save("alice", &json!({ "objectKey": TEST_S3 }))
            .await
            .expect(201);
        world.remove_object(TEST_S3).await;
        let report = world.deliver(file(name)).await.unwrap();
        assert_eq!(found(&report), json!({ "forgotten": 1 }));
        assert_eq!(world.usage("alice").await, (0, 0));
    }
}

#[tokio::test]
async fn other_events_are_acknowledged() {
    let dump = "backups/2023-06-30/database.dump";
    for (name, finds) in [
        ("s3-test-event", json!({ "unknown": 1 })),
        ("sns-s3-test-event", json!({ "unknown": 1 })),
        ("s3-foreign-key", json!({ "foreign": 1 })),
        ("s3-foreign-bucket", json!({ "foreign": 1 })),
        ("eventbridge-unknown", json!({ "unknown": 1 })),
    ] {
        check(name, &[TEST_S3, dump], finds, &[]).await;
    }
}

#[tokio::test]
async fn a_scan_result_is_recorded() {
    for (name, status) in [
        ("eventbridge-guardduty-no-threats", "no_threats"),
        ("eventbridge-guardduty-threats", "threats"),
        ("sqs-eventbridge-guardduty", "unsupported"),
    ] {
        let world = World::new().await;
        world.put_object(TEST_S3, "text/plain", b"hello").await;
        world.deliver(file(name)).await.unwrap();
        let row = world.row(FIRST).await.unwrap();
        assert_eq!(row["scan_status"], status, "{name}");
    }
}

#[tokio::test]
async fn messages_of_sqs() {
    for name in [
        "sqs-s3-notification",
        "sqs-eventbridge",
        "sqs-sns-s3-notification",
        "sqs-mixed-batch",
    ] {
        let world = World::new().await;
        world.put_object(TEST_S3, "text/plain", b"hello").await;
        let answer = world.deliver(file(name)).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{name}");
        assert_eq!(world.usage("alice").await, (1, 5), "{name}");
    }
}
