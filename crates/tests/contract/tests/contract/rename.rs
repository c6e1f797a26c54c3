//! `PATCH /files/{id}`: what changes, what stays, and what is refused.

use aws_sdk_s3::types::{StorageClass, Tag, Tagging};
use serde_json::{Value, json};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;
use time::{Duration, OffsetDateTime};

use crate::world::{App, BUCKET, Events, MIB, World, encoded};

/// The SHA-1 of `hello`, of which Slipway knows nothing.
const SHA1: &str = "qvTGHdzF6KLavt4PO0gs2a6pQ00=";

fn id(file: &Value) -> &str {
    file["id"].as_str().expect("an id")
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().expect("a key")
}

/// The file after a rename, which must succeed.
async fn renamed(app: &App, file: &Value, body: Value) -> Value {
    app.patch("alice", id(file), body).await.expect(200)["file"].take()
}

#[tokio::test]
async fn an_omitted_field_stays_and_metadata_is_replaced() {
    let world = World::new().await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain", "metadata": { "a": "1", "b": "2" } });
    let presigned = world.presign("alice", ask).await;
    world.put(&presigned, b"hello").await;
    let before = world.save("alice", &presigned).await.expect(201)["file"].take();
    let name = "Übergröße 写真/ (1)+%20'.jpg";
    for (body, name, metadata) in [
        (
            json!({ "fileName": name }),
            name,
            json!({ "a": "1", "b": "2" }),
        ),
        (
            json!({ "metadata": { "c": "\"ü\\" } }),
            name,
            json!({ "c": "\"ü\\" }),
        ),
        (json!({ "fileName": "c", "metadata": {} }), "c", json!({})),
        (
            json!({ "fileName": "d", "metadata": null, "other": 1 }),
            "d",
            json!({}),
        ),
        // It has these already.
        (json!({ "fileName": "d", "metadata": {} }), "d", json!({})),
    ] {
        let mut file = renamed(&world, &before, body).await;
        assert_eq!(
            (&file["fileName"], &file["metadata"]),
            (&json!(name), &metadata)
        );
        assert_eq!(
            world.read(&file["url"]).await.bytes().await.unwrap(),
            "hello"
        );
        let shown = world.get("alice", &format!("/files/{}", id(&before))).await;
        assert_eq!(
            crate::world::without_url(&shown.expect(200)["file"])["fileName"],
            json!(name)
        );
        for changes in ["fileName", "metadata", "uploadedAt", "url", "urlExpiresAt"] {
            file[changes] = before[changes].clone();
        }
        assert_eq!(file, before);
    }
    let expected = [("name".to_owned(), encoded("d"))].into();
    assert_eq!(world.described(key(&before)).await, expected);
    assert_eq!(world.usage("alice").await, (1, 5));
    // The events change nothing.
    for report in world.deliver_events(Events::Doubled).await {
        assert_eq!(report["recorded"], 0, "{report}");
    }
    assert_eq!(world.list("alice").await[0]["fileName"], "d");
}

/// `MetadataDirective: REPLACE` drops everything that is not sent again.
#[tokio::test]
async fn the_other_properties_of_the_object_stay() {
    let world = World::with(&[("UPLOAD_RULES", r#"{"default": {}, "other": {}}"#)]).await;
    let kind = "text/plain;  charset=utf-8;   a=\"b  c\"";
    let ask = json!({ "fileName": "a.txt", "contentType": kind, "rule": "other" });
    let presigned = world.presign("alice", ask).await;
    let expires = aws_sdk_s3::primitives::DateTime::from_secs(2_000_000_000);
    let put = world.s3().await.put_object().bucket(BUCKET);
    let put = put
        .key(key(&presigned))
        .body(b"hello".to_vec().into())
        .content_type(kind)
        .content_encoding("identity")
        .content_disposition("inline; filename=\"x  y\"")
        .content_language("de")
        .cache_control("max-age=5")
        .expires(expires)
        .storage_class(StorageClass::StandardIa)
        .metadata("name", encoded("a.txt"))
        .metadata("rule", "other")
        .metadata("foreign", "kept")
        .checksum_sha1(SHA1)
        .tagging("a=b&GuardDutyMalwareScanStatus=NO_THREATS_FOUND");
    Box::pin(put.send()).await.unwrap();
    world.save("alice", &presigned).await.expect(201);
    let file = renamed(
        &world,
        &presigned,
        json!({ "fileName": "b.txt", "metadata": { "k": "v" } }),
    )
    .await;
    assert_eq!(
        (&file["rule"], &file["contentType"]),
        (&json!("other"), &json!(kind))
    );

    let head = world.s3().await.head_object().bucket(BUCKET);
    let head = head
        .key(key(&presigned))
        .checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled);
    let head = Box::pin(head.send()).await.unwrap();
    assert_eq!(head.content_type(), Some(kind));
    assert_eq!(head.content_encoding(), Some("identity"));
    assert_eq!(
        head.content_disposition(),
        Some("inline; filename=\"x  y\"")
    );
    assert_eq!(head.content_language(), Some("de"));
    assert_eq!(head.cache_control(), Some("max-age=5"));
    assert_eq!(head.expires_string(), Some("Wed, 18 May 2033 03:33:20 GMT"));
    assert_eq!(head.storage_class(), Some(&StorageClass::StandardIa));
    assert_eq!(head.checksum_sha1(), Some(SHA1));
    let expected = [
        ("name", encoded("b.txt")),
        ("data", encoded(r#"{"k":"v"}"#)),
        ("rule", "other".to_owned()),
        ("foreign", "kept".to_owned()),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(head.metadata(), Some(&expected.into()));
    let tags = world.s3().await.get_object_tagging().bucket(BUCKET);
    let tags = Box::pin(tags.key(key(&presigned)).send()).await.unwrap();
    assert_eq!(tags.tag_set().len(), 2);
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let written = world.described(key(&file)).await;
    let long = |bytes: usize| json!({ "k": "v".repeat(bytes - 8) });
    for body in [
        json!({}),
        json!({ "fileName": null }),
        json!({ "name": "b" }),
        json!({ "fileName": "" }),
        json!({ "fileName": 1 }),
        json!({ "fileName": "a\nb" }),
        json!({ "fileName": "a\u{85}b" }),
        json!({ "fileName": "a".repeat(769) }),
        json!({ "fileName": "b", "metadata": [] }),
        json!({ "fileName": "b", "metadata": { "a": 1 } }),
        json!({ "fileName": "b", "metadata": { "a": "\u{0}" } }),
        json!({ "fileName": "b", "metadata": { "a.b": "c" } }),
        json!({ "metadata": long(641) }),
        json!({ "metadata": (0..17).map(|at| (at.to_string(), "".into())).collect::<serde_json::Map<_, Value>>() }),
    ] {
        let answer = world.patch("alice", id(&file), body.clone()).await;
        let said = answer.refused(400, "invalid_request");
        assert!(said.len() < 500, "{body} {said}");
    }
    for body in [
        r#"{"fileName": "b", "fileName": "c"}"#,
        r#"{"metadata": {"a": "1", "a": "2"}}"#,
        r#"{"metadata": {"a": "1"}, "metadata": {}}"#,
        r#"["b"]"#,
        "",
    ] {
        let event = GatewayEvent::new("PATCH", &format!("/files/{}", id(&file)));
        let answer = world.send(event.bearer(&token("alice")).text(body)).await;
        answer.refused(400, "invalid_request");
    }
    assert_eq!(world.described(key(&file)).await, written);
    let before = crate::world::without_url(&file);
    let after = world.list("alice").await;
    assert_eq!(crate::world::without_url(&after[0]), before);
    // The longest of both fit.
    let body = json!({ "fileName": "写".repeat(256), "metadata": long(640) });
    let file = renamed(&world, &file, body.clone()).await;
    assert_eq!(file["fileName"], body["fileName"]);
    assert_eq!(file["metadata"], body["metadata"]);
}

#[tokio::test]
async fn a_file_that_is_not_the_callers_is_not_found() {
    let world = World::new().await;
    let file = world.upload("bob", "a.txt", "text/plain", b"hello").await;
    let gone = world.upload("alice", "b.txt", "text/plain", b"hello").await;
    world.delete("alice", id(&gone)).await.expect(200);
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let body = || json!({ "fileName": "stolen", "metadata": { "a": "b" } });
    let mut said = Vec::new();
    for id in [
        id(&file),
        id(&gone),
        unknown,
        "a.txt",
        "*",
        "%2e%2e",
        "delete",
    ] {
        let answer = world.patch("alice", id, body()).await;
        said.push(answer.refused(404, "not_found"));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    world
        .patch("alice", &"a".repeat(65), body())
        .await
        .refused(400, "invalid_request");
    let described = world.described(key(&file)).await;
    assert_eq!(described["name"], encoded("a.txt"));
    assert_eq!(world.list("bob").await[0]["fileName"], "a.txt");
    assert!(world.object(key(&gone)).await.is_none());
    assert!(world.is_tombstone(id(&gone)).await);
}

#[tokio::test]
async fn a_file_over_five_gibibytes_is_too_large() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let sql = "UPDATE s3_files SET size = 5 * 1024::bigint ^ 3 + 1";
    world.sql().await.batch_execute(sql).await.unwrap();
    let answer = world
        .patch("alice", id(&file), json!({ "fileName": "b" }))
        .await;
    answer.refused(413, "file_too_large");
    assert_eq!(world.described(key(&file)).await["name"], encoded("a.txt"));
}

#[tokio::test]
async fn a_file_in_an_archive_must_be_restored_first() {
    let world = World::new().await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    let put = world.s3().await.put_object().bucket(BUCKET);
    let put = put.key(key(&presigned)).content_type("text/plain");
    let put = put.storage_class(StorageClass::Glacier);
    Box::pin(put.body(b"hello".to_vec().into()).send())
        .await
        .unwrap();
    world.save("alice", &presigned).await.expect(201);
    let body = json!({ "fileName": "b" });
    let answer = world.patch("alice", id(&presigned), body).await;
    let said = answer.refused(400, "invalid_request");
    assert!(said.contains("Restore"), "{said}");
}

#[tokio::test]
async fn limits_that_were_lowered_never_refuse_a_rename() {
    const SIZE: usize = 200 * MIB;
    let world = World::with(&[("UPLOAD_RULES", r#"{"default": {"maxBytes": 300000000}}"#)]).await;
    let begun = json!({ "fileName": "a.bin", "contentType": "application/octet-stream", "size": SIZE, "partSize": 100 * MIB });
    let begun = world
        .post("alice", "/multipart-uploads", begun)
        .await
        .expect(201);
    let bytes = vec![b'a'; 100 * MIB];
    for part in world.sign("alice", &begun, &[1, 2]).await {
        assert_eq!(crate::world::put_part(&part, &bytes).await.status(), 200);
    }
    let file = world.complete("alice", &begun).await.expect(201)["file"].take();
    world.take_events().await;
    let (max, used) = ((50 * MIB).to_string(), (SIZE - 1).to_string());
    let narrow = [
        ("MAX_UPLOAD_BYTES", max.as_str()),
        ("MAX_MULTIPART_BYTES", max.as_str()),
        (
            "UPLOAD_RULES",
            r#"{"default": {"maxBytes": 3, "contentTypes": ["image/*"]}}"#,
        ),
        ("USER_QUOTA_BYTES", used.as_str()),
    ];
    let narrow = world.app(&narrow);
    let after = renamed(&narrow, &file, json!({ "fileName": "b.bin" })).await;
    assert_eq!(
        (&after["fileName"], &after["size"]),
        (&json!("b.bin"), &json!(SIZE))
    );
    // It is one object now, with the MD5 of all bytes.
    let (old, new) = (
        file["etag"].as_str().unwrap(),
        after["etag"].as_str().unwrap(),
    );
    assert!(old.ends_with("-2") && new.len() == 32, "{old} {new}");
    assert_eq!(file["checksumCrc64nvme"], after["checksumCrc64nvme"]);
    // Neither its events nor a later confirmation refuse it.
    for event in world.notifications().await {
        let report = narrow.deliver(event).await.unwrap();
        assert_eq!(report["refused"], 0, "{report}");
    }
    let again = renamed(&narrow, &file, json!({ "metadata": { "a": "b" } })).await;
    assert_eq!(again["fileName"], "b.bin");
    narrow.save("alice", &begun).await.expect(200);
    assert_eq!(world.usage("alice").await, (1, SIZE as u64));
}

#[tokio::test]
async fn two_renames_within_the_second_of_the_upload() {
    let world = World::new().await;
    let now = OffsetDateTime::now_utc().truncate_to_second();
    world.server.stop_clock(now);
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let uploads = world.notifications().await;
    for name in ["b.txt", "c.txt", "a.txt"] {
        let after = renamed(&world, &file, json!({ "fileName": name })).await;
        assert_eq!(after["fileName"], name);
        assert_eq!(after["uploadedAt"], file["uploadedAt"]);
    }
    // All events arrive late, the first one last.
    let mut events = world.notifications().await;
    events.reverse();
    for event in events.into_iter().chain(uploads) {
        world.deliver(event).await.unwrap();
    }
    assert_eq!(world.list("alice").await[0]["fileName"], "a.txt");
    world.server.stop_clock(now + Duration::seconds(1));
    let after = renamed(&world, &file, json!({ "fileName": "d.txt" })).await;
    assert_ne!(after["uploadedAt"], file["uploadedAt"]);
    assert_eq!(world.usage("alice").await, (1, 5));
}

/// An upload URL that is still valid stores the old name, unless it is write-once.
#[tokio::test]
async fn an_upload_url_restores_the_name_unless_it_is_write_once() {
    let world = World::new().await;
    for (once, status, name) in [("false", 200, "a.txt"), ("true", 412, "b.txt")] {
        let app = world.app(&[("WRITE_ONCE", once)]);
        let presigned = app.put_new("alice", "a.txt", "text/plain", b"hello").await;
        app.save("alice", &presigned).await.expect(201);
        renamed(&app, &presigned, json!({ "fileName": "b.txt" })).await;
        assert_eq!(app.put(&presigned, b"hello").await.status(), status);
        let file = app.save("alice", &presigned).await.expect(200)["file"].take();
        assert_eq!(file["fileName"], name);
    }
}

/// The scanner's result belongs to an `ETag`. Its tag belongs to the bytes, and is copied.
#[tokio::test]
async fn a_rename_is_pending_again_if_the_etag_changes() {
    let world = World::with(&[("REQUIRE_SCAN", "true"), ("WRITE_ONCE", "true")]).await;
    let single = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let begun = world.uploaded("alice", b"hello").await;
    let parts = world.complete("alice", &begun).await.expect(201)["file"].take();
    for (file, stays) in [(&single, true), (&parts, false)] {
        assert_eq!(file["url"], Value::Null);
        let scanned = world.server.scanner().scan(key(file)).expect("an object");
        world.deliver(scanned).await.unwrap();
        let shown = world.get("alice", &format!("/files/{}", id(file))).await;
        assert!(shown.expect(200)["file"]["url"].is_string());
        let after = renamed(&world, file, json!({ "fileName": "b.txt" })).await;
        assert_eq!(after["url"].is_string(), stays, "{after}");
        assert_eq!(after["etag"] == file["etag"], stays);
        let scanned = world.server.scanner().scan(key(file)).expect("an object");
        world.deliver(scanned).await.unwrap();
        let shown = world.get("alice", &format!("/files/{}", id(file))).await;
        let url = shown.expect(200)["file"]["url"].clone();
        assert_eq!(world.read(&url).await.status(), 200);
    }
}

/// Tags that the administrator sets survive, and a rename needs no tags.
#[tokio::test]
async fn tags_are_kept_by_every_rename() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let tag = Tag::builder().key("project").value("x").build().unwrap();
    let tags = Tagging::builder().tag_set(tag.clone()).build().unwrap();
    let put = world.s3().await.put_object_tagging().bucket(BUCKET);
    Box::pin(put.key(key(&file)).tagging(tags).send())
        .await
        .unwrap();
    for name in ["b", "c"] {
        renamed(&world, &file, json!({ "fileName": name })).await;
        let tags = world.s3().await.get_object_tagging().bucket(BUCKET);
        let tags = Box::pin(tags.key(key(&file)).send()).await.unwrap();
        assert_eq!(tags.tag_set(), std::slice::from_ref(&tag));
    }
}
