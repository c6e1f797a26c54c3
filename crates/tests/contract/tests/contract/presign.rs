//! `POST /presign-upload`: successful responses. Refusals are in `presign_refusals`, and S3's side
//! is in `presign_s3`.

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::shape::shape;
use crate::world::{World, offline, put};

/// The SHA-256 of `hello`.
const HELLO_SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

#[tokio::test]
async fn the_flow_of_the_tutorials() {
    let world = World::new().await;
    let ask = json!({ "fileName": "test-s3.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    assert_json_snapshot!(shape(&presigned), @r#"
    {
      "expiresAt": "[time]",
      "headers": {
        "Content-Type": "text/plain"
      },
      "id": "[id]",
      "method": "PUT",
      "objectKey": "alice/[id]/test-s3.txt",
      "presignedUrl": "http://s3/slipway-local/alice/[id]/test-s3.txt?x-id=PutObject&x-amz-meta-name=dGVzdC1zMy50eHQ&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=[…]&X-Amz-Date=[…]&X-Amz-Expires=300&X-Amz-SignedHeaders=content-type%3Bhost&X-Amz-Signature=[…]",
      "publicFileUrl": "http://s3/slipway-local/alice/[id]/test-s3.txt",
      "success": true
    }
    "#);
    // Only the content type is sent, as in the curl example.
    let url = presigned["presignedUrl"].as_str().unwrap();
    let request = world.http.put(url).header("Content-Type", "text/plain");
    let response = request.body("hello").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let confirm = json!({
        "objectKey": presigned["objectKey"], "publicFileUrl": presigned["publicFileUrl"],
    });
    let saved = world.post("alice", "/save-metadata", confirm).await;
    let saved = saved.expect(201);
    assert_eq!(saved["file"]["id"], presigned["id"]);
    let listed = world.list("alice").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], presigned["id"]);
    let bytes = world.read(&listed[0]["url"]).await.bytes().await.unwrap();
    assert_eq!(bytes, "hello");
}

#[tokio::test]
async fn the_headers_are_exactly_the_signed_ones() {
    let (plain, once) = (
        World::new().await,
        World::with(&[("WRITE_ONCE", "true")]).await,
    );
    let check = async |world: &World, ask: Value, signed: &str, headers: Value| {
        let mut ask = ask;
        ask["fileName"] = "a".into();
        let presigned = world.presign("alice", ask).await;
        assert_eq!(presigned["headers"], headers);
        let url = presigned["presignedUrl"].as_str().unwrap();
        let names = url.split("X-Amz-SignedHeaders=").nth(1).unwrap();
        assert_eq!(names.split('&').next().unwrap().replace("%3B", ";"), signed);
        assert_eq!(put(&presigned, b"hello").await.status(), 200);
    };
    let html = "text/html; charset=\"utf-8\"";
    check(
        &plain,
        json!({ "contentType": html }),
        "content-type;host",
        json!({ "Content-Type": html }),
    )
    .await;
    // Browsers set Content-Length themselves, and do not let a page set it.
    check(
        &plain,
        json!({ "contentType": "a/b", "size": 5 }),
        "content-length;content-type;host",
        json!({ "Content-Type": "a/b" }),
    )
    .await;
    check(
        &plain,
        json!({ "contentType": "a/b", "checksumSha256": HELLO_SHA256 }),
        "content-type;host;x-amz-checksum-sha256",
        json!({ "Content-Type": "a/b", "x-amz-checksum-sha256": HELLO_SHA256 }),
    )
    .await;
    check(
        &once,
        json!({ "contentType": "a/b", "size": 5, "checksumSha256": HELLO_SHA256 }),
        "content-length;content-type;host;if-none-match;x-amz-checksum-sha256",
        json!({
            "Content-Type": "a/b", "If-None-Match": "*", "x-amz-checksum-sha256": HELLO_SHA256,
        }),
    )
    .await;
}

#[tokio::test]
async fn a_batch_keeps_the_order_of_the_request() {
    let world = World::new().await;
    let ask = |count: usize| {
        let files: Vec<_> = (0..count)
            .map(|at| json!({ "fileName": format!("{at}.txt"), "contentType": "text/plain" }))
            .collect();
        json!({ "files": files })
    };
    for count in [1, 2, 100] {
        let answer = world.presign("alice", ask(count)).await;
        let uploads = answer["uploads"].as_array().unwrap();
        assert_eq!(uploads.len(), count);
        for (at, upload) in uploads.iter().enumerate() {
            let key = upload["objectKey"].as_str().unwrap();
            assert!(key.ends_with(&format!("/{at}.txt")), "{at}: {key}");
            assert!(key.contains(upload["id"].as_str().unwrap()));
        }
        assert!(uploads.is_sorted_by_key(|upload| upload["id"].as_str().unwrap()));
        if count == 1 {
            assert_json_snapshot!(shape(&answer), @r#"
            {
              "success": true,
              "uploads": [
                {
                  "expiresAt": "[time]",
                  "headers": {
                    "Content-Type": "text/plain"
                  },
                  "id": "[id]",
                  "method": "PUT",
                  "objectKey": "alice/[id]/0.txt",
                  "presignedUrl": "http://s3/slipway-local/alice/[id]/0.txt?x-id=PutObject&x-amz-meta-name=MC50eHQ&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=[…]&X-Amz-Date=[…]&X-Amz-Expires=300&X-Amz-SignedHeaders=content-type%3Bhost&X-Amz-Signature=[…]",
                  "publicFileUrl": "http://s3/slipway-local/alice/[id]/0.txt"
                }
              ]
            }
            "#);
        }
    }
    for count in [0, 101] {
        let error = world.post("alice", "/presign-upload", ask(count)).await;
        let error = error.refused(400, "invalid_request");
        assert!(error.contains("1 to 100"), "{error}");
    }
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_batch_with_one_bad_entry_is_refused_and_the_entry_named() {
    let app = offline(&[
        ("MAX_UPLOAD_BYTES", "10"),
        ("ALLOWED_CONTENT_TYPES", "text/*"),
    ]);
    let fine = json!({ "fileName": "a", "contentType": "text/plain", "size": 1 });
    let check = async |bad: Value, status: u16, code: &str| {
        let files = json!({ "files": [fine, fine, fine, bad, fine] });
        let error = app.post("alice", "/presign-upload", files).await;
        let error = error.refused(status, code);
        assert!(error.starts_with("files[3]: "), "{bad}: {error}");
    };
    let invalid = [
        json!({}),
        json!(null),
        json!("a"),
        json!(["a", "text/plain", null, null]),
        json!({ "fileName": "", "contentType": "text/plain" }),
        json!({ "fileName": 5, "contentType": "text/plain" }),
        json!({ "fileName": "a", "contentType": "text" }),
        json!({ "fileName": "a", "contentType": "text/plain", "size": -1 }),
        json!({ "fileName": "a", "contentType": "text/plain", "size": "1" }),
        json!({ "fileName": "a", "contentType": "text/plain", "checksumSha256": "x" }),
    ];
    for bad in invalid {
        check(bad, 400, "invalid_request").await;
    }
    let large = json!({ "fileName": "a", "contentType": "text/plain", "size": 11 });
    check(large, 413, "file_too_large").await;
    let image = json!({ "fileName": "a", "contentType": "image/png" });
    check(image, 415, "type_not_allowed").await;
}

#[tokio::test]
async fn expires_at_is_when_the_url_expires() {
    for seconds in [1, 300, 43_200] {
        let app = offline(&[("UPLOAD_URL_SECONDS", &seconds.to_string())]);
        let before = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
        let ask = json!({ "fileName": "a", "contentType": "a/b" });
        let presigned = app.presign("alice", ask).await;
        let after = OffsetDateTime::now_utc();
        let ends = OffsetDateTime::parse(presigned["expiresAt"].as_str().unwrap(), &Rfc3339);
        let signed = ends.unwrap() - time::Duration::seconds(seconds);
        assert!(before <= signed && signed <= after, "{presigned}");
        let url = presigned["presignedUrl"].as_str().unwrap();
        assert!(url.contains(&format!("X-Amz-Expires={seconds}&")), "{url}");
        let date = signed.format(&Rfc3339).unwrap().replace(['-', ':'], "");
        assert!(url.contains(&format!("X-Amz-Date={date}&")), "{url}");
    }
}

#[tokio::test]
async fn expires_at_is_no_later_than_the_session() {
    let ends = (OffsetDateTime::now_utc() + time::Duration::seconds(40)).replace_nanosecond(0);
    let ends = ends.unwrap().format(&Rfc3339).unwrap();
    let app = offline(&[("AWS_CREDENTIAL_EXPIRATION", &ends)]);
    let ask = json!({ "fileName": "a", "contentType": "a/b" });
    assert_eq!(app.presign("alice", ask).await["expiresAt"], ends);
}

#[tokio::test]
async fn the_public_url_is_that_of_the_public_base() {
    let world = World::with(&[("PUBLIC_BASE_URL", "https://cdn.test/files/")]).await;
    let ask = json!({ "fileName": "a b.txt", "contentType": "text/plain" });
    let presigned = world.presign("auth0|alice", ask).await;
    let url = presigned["publicFileUrl"].clone();
    let id = presigned["id"].as_str().unwrap();
    assert_eq!(
        url,
        format!("https://cdn.test/files/auth0~7Calice/{id}/a-b.txt")
    );
    // The upload goes to the bucket, not to the public URL.
    assert_eq!(put(&presigned, b"hello").await.status(), 200);
}
