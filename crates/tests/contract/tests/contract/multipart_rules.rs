//! `/multipart-uploads`: valid and invalid requests.

use serde_json::{Value, json};

use crate::world::{MIB, World};

fn ask(change: &Value) -> Value {
    let mut ask = json!({ "fileName": "a.bin", "contentType": "a/b", "size": 1 });
    for (name, value) in change.as_object().unwrap() {
        ask[name] = value.clone();
    }
    ask
}

#[tokio::test]
async fn valid_and_invalid_uploads() {
    let world = World::with(&[
        ("ALLOWED_CONTENT_TYPES", "a/*, image/*"),
        ("MAX_UPLOAD_BYTES", "10"),
        ("MAX_MULTIPART_BYTES", "5497558138880"),
    ])
    .await;
    let tib = 1_u64 << 40;
    for (change, status, code) in [
        (json!({}), 201, ""),
        (
            json!({ "partSize": null, "checksumSha256": null, "other": [] }),
            201,
            "",
        ),
        (
            json!({ "contentType": "a/b;     c=\"d  \\M\";  f=g;" }),
            201,
            "",
        ),
        (json!({ "size": 5 * tib }), 201, ""),
        (json!({ "size": 5 * tib, "partSize": 5 * MIB }), 201, ""),
        (json!({ "partSize": 5 * 1024 * MIB }), 201, ""),
        (json!({ "fileName": " a/b\u{202e} " }), 201, ""),
        (json!({ "fileName": null }), 400, "invalid_request"),
        (json!({ "fileName": "" }), 400, "invalid_request"),
        (json!({ "fileName": "a\nb" }), 400, "invalid_request"),
        (
            json!({ "fileName": "ü".repeat(385) }),
            400,
            "invalid_request",
        ),
        (json!({ "contentType": null }), 400, "invalid_request"),
        (json!({ "contentType": "a" }), 400, "invalid_request"),
        (json!({ "contentType": "a/*" }), 400, "invalid_request"),
        (json!({ "size": null }), 400, "invalid_request"),
        (json!({ "size": 0 }), 400, "invalid_request"),
        (json!({ "size": -1 }), 400, "invalid_request"),
        (json!({ "size": 1.5 }), 400, "invalid_request"),
        (json!({ "size": "1" }), 400, "invalid_request"),
        (json!({ "partSize": 5 * MIB - 1 }), 400, "invalid_request"),
        (
            json!({ "partSize": 5 * 1024 * MIB + 1 }),
            400,
            "invalid_request",
        ),
        (json!({ "partSize": "5242880" }), 400, "invalid_request"),
        (json!({ "checksumSha256": "x" }), 400, "invalid_request"),
        (json!({ "checksumSha256": 5 }), 400, "invalid_request"),
        (json!({ "size": 5 * tib + 1 }), 413, "file_too_large"),
        (json!({ "size": u64::MAX }), 413, "file_too_large"),
        (
            json!({ "contentType": "text/html" }),
            415,
            "type_not_allowed",
        ),
        // Malformed requests are refused first.
        (
            json!({ "contentType": "text/html", "size": 0 }),
            400,
            "invalid_request",
        ),
        (
            json!({ "size": 5 * tib + 1, "partSize": 1 }),
            400,
            "invalid_request",
        ),
    ] {
        let answer = world
            .post("alice", "/multipart-uploads", ask(&change))
            .await;
        assert_eq!((answer.status, answer.code()), (status, code), "{change}");
    }
    assert_eq!(world.s3_uploads().await.len(), 7);
    assert_eq!(world.open_uploads("alice").await.len(), 7);
    let raised = ask(&json!({ "size": 5 * tib, "partSize": 5 * MIB }));
    let raised = world
        .post("alice", "/multipart-uploads", raised)
        .await
        .expect(201);
    assert_eq!(
        (&raised["partSize"], &raised["partCount"]),
        (&json!(525 * MIB), &json!(9987))
    );
    // Presigning refers to this route.
    let over = json!({ "fileName": "a", "contentType": "a/b", "size": 5 * tib });
    let answer = world
        .app(&[("MAX_UPLOAD_BYTES", "")])
        .post("alice", "/presign-upload", over)
        .await;
    answer.refused(413, "use_multipart");
}

#[tokio::test]
async fn valid_and_invalid_part_numbers() {
    let world = World::new().await;
    let begun = world.begin("alice", 10 * MIB + 1).await;
    let target = format!("/multipart-uploads/{}/parts", begun["id"].as_str().unwrap());
    for (body, status) in [
        (json!({ "partNumbers": [1] }), 200),
        (json!({ "partNumbers": [3, 1, 2] }), 200),
        (json!({ "partNumbers": vec![2; 1000] }), 200),
        (json!({ "partNumbers": [] }), 400),
        (json!({ "partNumbers": vec![2; 1001] }), 400),
        (json!({ "partNumbers": [0] }), 400),
        (json!({ "partNumbers": [1, 4] }), 400),
        (json!({ "partNumbers": [-1] }), 400),
        (json!({ "partNumbers": [70_000] }), 400),
        (json!({ "partNumbers": ["1"] }), 400),
        (json!({ "partNumbers": 1 }), 400),
        (json!({ "partNumbers": null }), 400),
        (json!({}), 400),
        (json!([[1]]), 400),
    ] {
        let answer = world.post("alice", &target, body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
    }
    let some = json!({ "partNumbers": [3, 1, 3] });
    let signed = world.post("alice", &target, some).await.expect(200);
    let parts: Vec<_> = signed["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            (
                part["partNumber"].as_u64().unwrap(),
                part["size"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(parts, [(3, 1), (1, 5 * 1024 * 1024)]);
    for no_id in ["x", "01890a5d-ac96-774b-bcce-b302099a8057"] {
        for (method, of) in [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "parts"),
            ("POST", "complete"),
        ] {
            let answer = world
                .about("alice", method, &json!({ "id": no_id }), of)
                .await;
            answer.refused(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_quota_refuses_early_and_exactly() {
    let world = World::with(&[("USER_QUOTA_BYTES", "10")]).await;
    let over = world
        .post("alice", "/multipart-uploads", ask(&json!({ "size": 11 })))
        .await;
    let sentence = over.refused(413, "quota_exceeded");
    assert!(
        sentence.starts_with("This needs 11 bytes, and 10 of your 10 are left."),
        "{sentence}"
    );
    assert!(world.s3_uploads().await.is_empty());
    // Each upload fits alone. The second one was created before there was a quota, which then
    // counted it as pending.
    let first = world.uploaded("alice", b"123456").await;
    let before = world.app(&[("USER_QUOTA_BYTES", "")]);
    let second = before.uploaded("alice", b"12345").await;
    world.complete("alice", &first).await.expect(201);
    world
        .complete("alice", &second)
        .await
        .refused(413, "quota_exceeded");
    assert_eq!(world.usage("alice").await, (1, 6));
    assert_eq!(
        world.object(second["objectKey"].as_str().unwrap()).await,
        None
    );
    // Repeating the request gives the same response.
    world
        .complete("alice", &second)
        .await
        .refused(413, "quota_exceeded");
    assert!(world.upload_rows().await.is_empty());
    let over = world
        .post("alice", "/multipart-uploads", ask(&json!({ "size": 5 })))
        .await;
    over.refused(413, "quota_exceeded");
    world
        .post("alice", "/multipart-uploads", ask(&json!({ "size": 4 })))
        .await
        .expect(201);
}

#[tokio::test]
async fn the_configured_limit_holds_for_multipart_uploads() {
    let world = World::with(&[("MAX_UPLOAD_BYTES", "50000")]).await;
    for (size, status, code) in [(50_000, 201, ""), (60_000, 413, "file_too_large")] {
        let ask = ask(&json!({ "size": size }));
        let answer = world.post("alice", "/multipart-uploads", ask).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{size}");
    }
}

#[tokio::test]
async fn a_lowered_limit_refuses_at_completion() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"123456").await;
    let app = world.app(&[("MAX_MULTIPART_BYTES", "5")]);
    app.complete("alice", &begun)
        .await
        .refused(413, "file_too_large");
    app.complete("alice", &begun)
        .await
        .refused(413, "file_too_large");
    assert!(world.is_empty().await);
    assert!(world.is_tombstone(begun["id"].as_str().unwrap()).await);
    assert_eq!(world.usage("alice").await, (0, 0));
}
