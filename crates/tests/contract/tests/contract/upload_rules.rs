//! `UPLOAD_RULES`: refusals of presigning, and of the record step.

use serde_json::{Value, json};

use crate::world::{Answer, App, Events, MIB, World, encoded, failed};

const RULES: (&str, &str) = (
    "UPLOAD_RULES",
    r#"{"avatar": {"contentTypes": ["image/*"], "maxBytes": 10, "writeOnce": true}, "default": {}, "tiny": {"maxBytes": 3}}"#,
);

fn presign_body(kind: &str, size: u64, rule: &Value) -> Value {
    json!({ "fileName": "a", "contentType": kind, "size": size, "rule": rule })
}

/// The same request on each route that takes a rule.
async fn everywhere(app: &App, body: &Value) -> [Answer; 3] {
    let batch = json!({ "files": [body] });
    [
        app.post("alice", "/presign-upload", body.clone()).await,
        app.post("alice", "/presign-upload", batch).await,
        app.post("alice", "/multipart-uploads", body.clone()).await,
    ]
}

#[tokio::test]
async fn a_rule_narrows_what_is_presigned() {
    let limits = [
        RULES,
        ("MAX_UPLOAD_BYTES", "20"),
        ("ALLOWED_CONTENT_TYPES", "image/*,text/plain"),
    ];
    let world = World::with(&limits).await;
    for (kind, size, rule, (status, code)) in [
        ("image/png", 10, json!("avatar"), (200, "")),
        ("image/png", 11, json!("avatar"), (413, "file_too_large")),
        ("text/plain", 1, json!("avatar"), (415, "type_not_allowed")),
        // Both lists and both limits apply.
        (
            "application/pdf",
            1,
            json!("avatar"),
            (415, "type_not_allowed"),
        ),
        (
            "application/pdf",
            1,
            json!("tiny"),
            (415, "type_not_allowed"),
        ),
        ("text/plain", 3, json!("tiny"), (200, "")),
        ("text/plain", 4, json!("tiny"), (413, "file_too_large")),
        ("text/plain", 20, json!("default"), (200, "")),
        ("text/plain", 20, Value::Null, (200, "")),
        ("text/plain", 21, Value::Null, (413, "file_too_large")),
        ("text/plain", 1, json!("nothing"), (400, "invalid_request")),
        ("text/plain", 1, json!(""), (400, "invalid_request")),
        ("text/plain", 1, json!("Avatar"), (400, "invalid_request")),
        ("text/plain", 1, json!(1), (400, "invalid_request")),
        // The rule's limit comes first, since a multipart upload would exceed it too.
        (
            "image/png",
            5_368_709_121,
            json!("avatar"),
            (413, "file_too_large"),
        ),
    ] {
        for answer in everywhere(&world, &presign_body(kind, size, &rule)).await {
            let found = if answer.status == 201 {
                200
            } else {
                answer.status
            };
            assert_eq!((found, answer.code()), (status, code), "{rule} {answer:?}");
            if rule == json!("nothing") {
                let error = answer.refused(400, "invalid_request");
                assert!(error.contains("avatar, default, tiny"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn deployments_without_rules_and_without_a_default() {
    let plain = World::new().await;
    for answer in everywhere(&plain, &presign_body("a/b", 1, &json!("default"))).await {
        answer.refused(400, "invalid_request");
    }
    let strict = World::with(&[("UPLOAD_RULES", r#"{"avatar": {}, "document": {}}"#)]).await;
    for answer in everywhere(&strict, &presign_body("a/b", 1, &Value::Null)).await {
        let error = answer.refused(400, "invalid_request");
        assert!(error.contains("avatar, document"), "{error}");
    }
    let file = plain.upload("alice", "a.txt", "text/plain", b"hello").await;
    assert_eq!(file["rule"], Value::Null);
}

#[tokio::test]
async fn the_name_of_the_rule_travels_with_the_upload() {
    let world = World::with(&[RULES]).await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    assert_eq!(file["rule"], "default");
    let presigned = world.presign("alice", presign_body("image/png", 5, &json!("avatar")));
    let presigned = presigned.await;
    // WRITE_ONCE only by its rule.
    let headers = json!({ "Content-Type": "image/png", "If-None-Match": "*" });
    assert_eq!(presigned["headers"], headers);
    let url = presigned["presignedUrl"].as_str().unwrap();
    let mut other = presigned.clone();
    for changed in [
        url.replace("x-amz-meta-rule=avatar", "x-amz-meta-rule=default"),
        url.replace("&x-amz-meta-rule=avatar", ""),
    ] {
        other["presignedUrl"] = changed.into();
        let answer = failed(world.put(&other, b"hello").await).await;
        assert_eq!(answer, (403, "SignatureDoesNotMatch".to_owned()));
    }
    assert_eq!(world.put(&presigned, b"hello").await.status(), 200);
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    assert_eq!(file["rule"], "avatar");
    let again = failed(world.put(&presigned, b"other").await).await;
    assert_eq!(again.0, 412);
}

/// An object under a new key of alice, uploaded without presigning.
async fn put(world: &World, at: u8, kind: &str, rule: &str, bytes: &[u8]) -> Value {
    let key = format!("alice/01890a5d-ac96-774b-bcce-b302099a80{at:02}/a");
    let metadata = [("name", encoded("a")), ("rule", rule.to_owned())];
    let metadata = metadata
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    world.put_described(&key, kind, bytes, &metadata).await;
    json!({ "objectKey": key, "id": key.split('/').nth(1) })
}

#[tokio::test]
async fn the_record_step_enforces_the_rule_on_what_s3_has() {
    let world = World::with(&[RULES, ("MAX_UPLOAD_BYTES", "20")]).await;
    for (at, (kind, rule, bytes, (status, code))) in [
        ("text/html", "avatar", 1, (415, "type_not_allowed")),
        (
            "image/png;x=,text/html",
            "avatar",
            1,
            (415, "type_not_allowed"),
        ),
        ("nonsense", "avatar", 1, (415, "type_not_allowed")),
        ("image/png", "avatar", 11, (413, "file_too_large")),
        ("image/png", "avatar", 10, (201, "")),
        ("text/plain", "tiny", 4, (413, "file_too_large")),
        ("text/plain", "default", 20, (201, "")),
        // An unknown or removed rule: the limits of the deployment apply.
        ("text/html", "gone", 20, (201, "")),
        ("text/html", "gone", 21, (413, "file_too_large")),
    ]
    .into_iter()
    .enumerate()
    {
        let at = u8::try_from(at).unwrap();
        let put = put(&world, at, kind, rule, &vec![b'a'; bytes]).await;
        let key = put["objectKey"].as_str().unwrap();
        let answer = world.save("alice", &put).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{kind} {rule} {answer:?}"
        );
        let refused = status != 201;
        assert_eq!(world.object(key).await.is_none(), refused);
        if refused {
            let row = world.row(put["id"].as_str().unwrap()).await.unwrap();
            assert_eq!(row["refused"], code);
            // Later calls have the same result, also without an object.
            assert_eq!(world.save("alice", &put).await.code(), code);
        }
    }
    assert_eq!(world.usage("alice").await, (3, 50));
}

#[tokio::test]
async fn events_enforce_it_as_well() {
    let world = World::with(&[RULES]).await;
    let put = put(&world, 0, "text/html", "avatar", b"<b>").await;
    let reports = world.deliver_events(Events::Once).await;
    assert_eq!(reports[0]["refused"], 1);
    assert!(world.is_empty().await);
    world
        .save("alice", &put)
        .await
        .refused(415, "type_not_allowed");
}

#[tokio::test]
async fn a_rule_that_was_narrowed_removes_no_file() {
    let world = World::with(&[("UPLOAD_RULES", r#"{"default": {}}"#)]).await;
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    world.save("alice", &presigned).await.expect(201);
    let narrow = r#"{"default": {"contentTypes": ["image/*"], "maxBytes": 3}}"#;
    let narrow = world.app(&[("UPLOAD_RULES", narrow)]);
    let key = presigned["objectKey"].as_str().unwrap();
    // The same bytes, a rename, and other bytes of the same length.
    narrow.save("alice", &presigned).await.expect(200);
    let renamed = [("name", encoded("b.txt")), ("rule", "default".to_owned())];
    let renamed = renamed
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    world.describe(key, &renamed).await;
    let file = narrow.save("alice", &presigned).await.expect(200)["file"].clone();
    assert_eq!(file["fileName"], "b.txt");
    assert_eq!(world.put(&presigned, b"other").await.status(), 200);
    narrow.save("alice", &presigned).await.expect(200);
    assert_eq!(world.usage("alice").await, (1, 5));
    // A larger one is refused.
    assert_eq!(world.put(&presigned, b"larger").await.status(), 200);
    narrow
        .save("alice", &presigned)
        .await
        .refused(413, "file_too_large");
    assert_eq!(world.usage("alice").await, (0, 0));
}

#[tokio::test]
async fn an_upload_in_parts_follows_its_rule() {
    let world = World::with(&[RULES]).await;
    let body = presign_body("image/png", 5, &json!("avatar"));
    let begun = world.post("alice", "/multipart-uploads", body).await;
    let begun = begun.expect(201);
    world.put_parts("alice", &begun, b"hello", &[1]).await;
    // WRITE_ONCE by its rule: the existing object is not replaced.
    let key = begun["objectKey"].as_str().unwrap();
    let metadata = [("rule", "avatar")];
    world
        .put_described(key, "image/png", b"first", &metadata)
        .await;
    let file = world.complete("alice", &begun).await.expect(201)["file"].clone();
    assert_eq!(
        (&file["rule"], &file["size"]),
        (&json!("avatar"), &json!(5))
    );
    assert_eq!(world.object(key).await.as_deref(), Some(&b"first"[..]));

    // Parts are not checked until they are combined.
    let body = presign_body("text/plain", 3, &json!("tiny"));
    let begun = world.post("alice", "/multipart-uploads", body).await;
    let begun = begun.expect(201);
    let narrow = world.app(&[("UPLOAD_RULES", r#"{"tiny": {"contentTypes": ["image/*"]}}"#)]);
    world.put_parts("alice", &begun, b"abc", &[1]).await;
    narrow
        .complete("alice", &begun)
        .await
        .refused(415, "type_not_allowed");
    assert!(
        world
            .object(begun["objectKey"].as_str().unwrap())
            .await
            .is_none()
    );
}

/// A multipart object may be larger than one PUT. A copy of it onto itself has the `ETag` of one
/// PUT.
#[tokio::test]
async fn a_renamed_large_file_stays() {
    let max = (MIB * 5).to_string();
    let large = (MIB * 20).to_string();
    let limits = [
        ("MAX_UPLOAD_BYTES", max.as_str()),
        ("MAX_MULTIPART_BYTES", &large),
    ];
    let world = World::with(&limits).await;
    let bytes = vec![b'a'; MIB * 5 + 1];
    let begun = world.begin("alice", bytes.len()).await;
    world.put_parts("alice", &begun, &bytes, &[1, 2]).await;
    world.complete("alice", &begun).await.expect(201);
    let key = begun["objectKey"].as_str().unwrap();
    let name = encoded("b.bin");
    world.describe(key, &[("name", &name)]).await;
    let file = world.save("alice", &begun).await.expect(200)["file"].clone();
    assert_eq!(file["fileName"], "b.bin");
    assert!(!file["etag"].as_str().unwrap().contains('-'), "{file}");
    assert_eq!(world.usage("alice").await, (1, bytes.len() as u64));
}

/// S3's timestamps have whole seconds, and a rename changes neither bytes nor `ETag`.
#[tokio::test]
async fn two_renames_within_the_second_of_the_upload() {
    let world = World::with(&[("UPLOAD_RULES", r#"{"default": {}, "other": {}}"#)]).await;
    let now = time::OffsetDateTime::now_utc().truncate_to_second();
    world.server.stop_clock(now);
    let presigned = world
        .put_new("alice", "a.txt", "text/plain", b"hello")
        .await;
    world.save("alice", &presigned).await.expect(201);
    let key = presigned["objectKey"].as_str().unwrap();
    for (name, metadata, rule) in [
        ("b.txt", json!({}), "default"),
        ("c.txt", json!({ "a": "1" }), "default"),
        ("c.txt", json!({ "a": "2" }), "default"),
        ("c.txt", json!({ "a": "2" }), "other"),
        ("a.txt", json!({}), "default"),
    ] {
        let (encoded_name, data) = (encoded(name), encoded(&metadata.to_string()));
        let described = [("name", &*encoded_name), ("data", &data), ("rule", rule)];
        world.describe(key, &described).await;
        let file = world.save("alice", &presigned).await.expect(200)["file"].clone();
        let found = (&file["fileName"], &file["metadata"], &file["rule"]);
        assert_eq!(found, (&json!(name), &metadata, &json!(rule)));
    }
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[test]
fn a_wrong_configuration_fails_at_init() {
    let env = slipway_core::env::Environment::new(|name| match name {
        "S3_BUCKET_NAME" => Some("uploads".to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        "UPLOAD_RULES" => Some(r#"{"a": {"maxbytes": 1}}"#.to_owned()),
        _ => None,
    });
    let failed = slipway_presign::Presign::from_env(&env);
    let problem = failed.expect_err("an unknown field").to_string();
    assert!(
        problem.contains("UPLOAD_RULES") && problem.contains("maxbytes"),
        "{problem}"
    );
}
