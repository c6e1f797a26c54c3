//! Presigned URLs against S3: they accept the signed request and nothing else.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{World, failed, put};

/// The SHA-256 of `hello`.
const HELLO_SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

fn url(presigned: &Value) -> &str {
    presigned["presignedUrl"].as_str().unwrap()
}

/// Checks S3's response to this request, and that nothing is stored.
async fn refused(
    world: &World,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> (u16, String) {
    let mut request = world.http.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = failed(request.send().await.unwrap()).await;
    assert!(world.is_empty().await, "{answer:?}");
    answer
}

#[tokio::test]
async fn only_the_signed_request_is_accepted() {
    let world = World::new().await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain", "size": 5 });
    let presigned = world.presign("alice", ask).await;
    let id = presigned["id"].as_str().unwrap();
    let url = url(&presigned);
    let plain = ("content-type", "text/plain");
    let mismatch = (403, "SignatureDoesNotMatch".to_owned());
    let check = async |url: &str, headers: &[(&str, &str)], body: &'static str| {
        let answer = refused(&world, Method::PUT, url, headers, body).await;
        assert_eq!(answer, mismatch, "{url} {headers:?} {body}");
    };
    // Another content type, none, and another length.
    check(url, &[("content-type", "text/html")], "hello").await;
    check(
        url,
        &[("content-type", "text/plain; charset=utf-8")],
        "hello",
    )
    .await;
    check(url, &[], "hello").await;
    check(url, &[plain], "hell").await;
    check(url, &[plain], "hello!").await;
    check(url, &[plain], "").await;
    // Another key: another file of the user, a file of another user, another name.
    let other = "01890a5d-ac96-774b-bcce-b302099a8057";
    check(&url.replacen(id, other, 1), &[plain], "hello").await;
    check(&url.replacen("/alice/", "/bob/", 1), &[plain], "hello").await;
    check(&url.replacen("/a.txt?", "/b.txt?", 1), &[plain], "hello").await;
    check(
        &url.replacen("/alice/", "/x/../alice/", 1),
        &[plain],
        "hell",
    )
    .await;
    // Another name in the query, an additional one, and a longer lifetime.
    check(
        &url.replace("x-amz-meta-name=YS50eHQ", "x-amz-meta-name=Yi50eHQ"),
        &[plain],
        "hello",
    )
    .await;
    check(&format!("{url}&x-amz-meta-user=bob"), &[plain], "hello").await;
    check(&format!("{url}&x-amz-acl=public-read"), &[plain], "hello").await;
    check(
        &url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        &[plain],
        "hello",
    )
    .await;
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::POST] {
        let answer = refused(&world, method.clone(), url, &[plain], "hello").await;
        assert_eq!(answer.0, 403, "{method} {answer:?}");
    }
    assert_eq!(put(&presigned, b"hello").await.status(), 200);
}

#[tokio::test]
async fn metadata_and_acls_in_headers_are_refused_or_ignored() {
    let world = World::new().await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-name", "Yi50eHQ"),
    ];
    let answer = refused(&world, Method::PUT, url(&presigned), &headers, "hello").await;
    assert_eq!(answer.0, 403, "{answer:?}");
}

#[tokio::test]
async fn a_checksum_is_verified() {
    let world = World::new().await;
    let ask = json!({
        "fileName": "a.txt", "contentType": "text/plain", "checksumSha256": HELLO_SHA256,
    });
    let presigned = world.presign("alice", ask).await;
    let (status, code) = failed(put(&presigned, b"hellO").await).await;
    assert_eq!((status, code.as_str()), (400, "BadDigest"));
    assert!(world.is_empty().await);
    // Without the checksum, or with the correct one of other bytes: the signature does not match.
    let plain = ("content-type", "text/plain");
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for headers in [&[plain][..], &[plain, ("x-amz-checksum-sha256", zeros)]] {
        let answer = refused(&world, Method::PUT, url(&presigned), headers, "hello").await;
        assert_eq!(answer, (403, "SignatureDoesNotMatch".to_owned()));
    }
    assert_eq!(put(&presigned, b"hello").await.status(), 200);
    let file = world.save("alice", &presigned).await.expect(201);
    assert_eq!(file["file"]["checksumSha256"], HELLO_SHA256);
}

/// A session token as every Lambda role has one, with all characters of base64.
#[tokio::test]
async fn a_session_token_is_signed_too() {
    let token = format!("{}+/{}==", "Ab0".repeat(200), "zZ9".repeat(132));
    let world = World::with(&[("AWS_SESSION_TOKEN", &token)]).await;
    let ask = json!({ "fileName": "Übergröße 写真 (1)+%20'.txt", "contentType": "text/plain", "size": 5 });
    let presigned = world.presign("anna@example.com|ü", ask).await;
    let plain = ("content-type", "text/plain");
    let url = url(&presigned);
    let shorter = url.strip_suffix("%3D").unwrap();
    let without = url.split_once("&X-Amz-Security-Token=").unwrap().0;
    for other in [shorter, without] {
        let answer = refused(&world, Method::PUT, other, &[plain], "hello").await;
        assert_eq!(answer, (403, "SignatureDoesNotMatch".to_owned()));
    }
    assert_eq!(put(&presigned, b"hello").await.status(), 200);
    let file = world
        .save("anna@example.com|ü", &presigned)
        .await
        .expect(201);
    assert_eq!(file["file"]["fileName"], "Übergröße 写真 (1)+%20'.txt");
    assert_eq!(world.read(&file["file"]["url"]).await.status(), 200);
}

#[tokio::test]
async fn a_url_expires() {
    let world = World::with(&[("UPLOAD_URL_SECONDS", "1")]).await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let (status, code) = failed(put(&presigned, b"hello").await).await;
    assert_eq!((status, code.as_str()), (403, "AccessDenied"));
    assert!(world.is_empty().await);
    world
        .save("alice", &presigned)
        .await
        .refused(409, "upload_not_found");
}

#[tokio::test]
async fn write_once_accepts_one_upload() {
    let world = World::with(&[("WRITE_ONCE", "true")]).await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    assert_eq!(put(&presigned, b"first").await.status(), 200);
    for _ in 0..2 {
        let (status, code) = failed(put(&presigned, b"second").await).await;
        assert_eq!((status, code.as_str()), (412, "PreconditionFailed"));
    }
    // The header cannot be left out to avoid the condition.
    let request = world.http.put(url(&presigned));
    let bare = request.header("content-type", "text/plain").body("second");
    assert_eq!(bare.send().await.unwrap().status(), 403);
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    let bytes = world.read(&file["url"]).await.bytes().await.unwrap();
    assert_eq!(bytes, "first");
}

#[tokio::test]
async fn without_write_once_a_url_can_be_used_again() {
    let world = World::new().await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let presigned = world.presign("alice", ask).await;
    for bytes in [&b"first"[..], b"second"] {
        assert_eq!(put(&presigned, bytes).await.status(), 200);
    }
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    assert_eq!(file["size"], 6);
}

#[tokio::test]
async fn names_are_stored_exactly() {
    let world = World::new().await;
    let long = "写".repeat(170) + "ab";
    for (name, key_name) in [
        ("Übergröße 写真 (1)+%20'.jpg", "bergr-e-1-20.jpg"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "file"),
        (" outer spaces ", "outer-spaces"),
        ("a\\b\"c;d=e,f.txt", "a-b-c-d-e-f.txt"),
        ("\u{202e}gpj.exe", "gpj.exe"),
        ("zero\u{200b}width\u{feff}.png", "zero-width.png"),
        ("e\u{301}.txt", "e.txt"),
        ("👩‍👩‍👧 家族.png", "file.png"),
        ("%00%2F?x#y&z.txt", "00-2F-x-y-z.txt"),
        ("<script>alert(1)</script>", "script-alert-1-script"),
        (&long, "ab"),
    ] {
        let file = world.upload("alice", name, "text/plain", b"hello").await;
        assert_eq!(file["fileName"], name);
        let key = file["objectKey"].as_str().unwrap();
        assert_eq!(key.rsplit('/').next(), Some(key_name), "{name}");
        let id = file["id"].as_str().unwrap();
        let one = world
            .get("alice", &format!("/files/{id}"))
            .await
            .expect(200);
        assert_eq!(one["file"]["fileName"], name);
        let bytes = world.read(&file["url"]).await.bytes().await.unwrap();
        assert_eq!(bytes, "hello", "{name}");
    }
}

#[tokio::test]
async fn types_with_special_characters_are_signed_correctly() {
    let world = World::new().await;
    for kind in [
        "text/plain; charset=utf-8",
        "text/plain;charset=\"a  b\"",
        "text/plain; a=\"%20+&/?=\"",
        "a/b!#$&^_.+-",
        "a/b ; c=d",
    ] {
        let file = world.upload("alice", "a", kind, b"hello").await;
        assert_eq!(file["contentType"], kind);
        let response = world.read(&file["url"]).await;
        assert_eq!(response.headers()["content-type"], kind);
    }
}

#[tokio::test]
async fn a_file_may_be_empty_or_five_megabytes() {
    let world = World::new().await;
    for size in [0, 5 * 1024 * 1024] {
        let bytes = vec![7; size];
        for ask in [
            json!({ "fileName": "a", "contentType": "a/b" }),
            json!({ "fileName": "a", "contentType": "a/b", "size": size }),
        ] {
            let presigned = world.presign("alice", ask).await;
            assert_eq!(put(&presigned, &bytes).await.status(), 200);
            let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
            assert_eq!(file["size"], size);
            let read = world.read(&file["url"]).await.bytes().await.unwrap();
            assert!(read == bytes, "{size}");
        }
    }
}

/// Content types as browsers and libraries write them, with spaces in every allowed place.
#[tokio::test]
async fn types_with_any_parameters_are_accepted() {
    let world = World::new().await;
    for kind in [
        "video/webm;codecs=vp8,opus",
        "text/plain;",
        "text/plain ; charset = utf-8",
        "text/plain;  charset=\"a  b\";   x",
        "text/plain;charset=\"utf-8",
        "a/b; ~!@#$%^&*()[]{}\\|'<>?/,.",
    ] {
        let ask = json!({ "fileName": "a.bin", "contentType": kind, "size": 5 });
        let presigned = world.presign("alice", ask).await;
        assert_eq!(presigned["headers"]["Content-Type"], kind);
        assert_eq!(put(&presigned, b"hello").await.status(), 200, "{kind}");
        let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
        assert_eq!(file["contentType"], kind);
        let read = world.read(&file["url"]).await;
        assert_eq!(read.headers()["content-type"], kind);

        let ask = json!({ "fileName": "a.bin", "contentType": kind, "size": 5 });
        let begun = world.post("alice", "/multipart-uploads", ask).await;
        let begun = begun.expect(201);
        world.put_parts("alice", &begun, b"hello", &[1]).await;
        let done = world.complete("alice", &begun).await.expect(201);
        assert_eq!(done["file"]["contentType"], kind);

        let filter: String = form_urlencoded(kind);
        let found = world
            .get("alice", &format!("/files?contentType={filter}"))
            .await;
        let found = found.expect(200)["files"].as_array().unwrap().len();
        assert_eq!(found, 2, "{kind}");
        for file in world.list("alice").await {
            world
                .delete("alice", file["id"].as_str().unwrap())
                .await
                .expect(200);
        }
    }
}

fn form_urlencoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Every name that a file system allows in 255 UTF-16 units, and the longest name that fits.
#[tokio::test]
async fn the_longest_names_are_accepted() {
    let world = World::new().await;
    for name in ["写".repeat(255), "写".repeat(256), "写真/".repeat(109)] {
        let saved = world.upload("alice", &name, "text/html", b"hello").await;
        assert_eq!(saved["fileName"], name);
        let id = saved["id"].as_str().unwrap();
        let shown = world
            .get("alice", &format!("/files/{id}?download=true"))
            .await;
        let response = world.read(&shown.expect(200)["file"]["url"]).await;
        assert_eq!(response.status(), 200);
        let disposition = response.headers()["content-disposition"].to_str().unwrap();
        let (_, encoded) = disposition.split_once("; filename*=UTF-8''").unwrap();
        let decoded = percent_encoding::percent_decode_str(encoded).decode_utf8();
        assert_eq!(decoded.unwrap(), name);

        let ask = json!({ "fileName": name, "contentType": "text/plain", "size": 5 });
        let begun = world.post("alice", "/multipart-uploads", ask).await;
        let begun = begun.expect(201);
        world.put_parts("alice", &begun, b"hello", &[1]).await;
        let done = world.complete("alice", &begun).await.expect(201);
        assert_eq!(done["file"]["fileName"], name);
    }
}
