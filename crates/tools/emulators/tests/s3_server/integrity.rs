//! A body is stored only if it matches its claimed checksums and length.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType};

use crate::signer::sha256;
use crate::stack::{BUCKET, Stack, refused};

/// Each algorithm's checksum of `hello`.
const SUMS: [(&str, &str); 5] = [
    ("x-amz-checksum-crc32", "NhCmhg=="),
    ("x-amz-checksum-crc32c", "mnG7TA=="),
    ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="),
    ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
    (
        "x-amz-checksum-sha256",
        "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
    ),
];

async fn put(stack: &Stack, headers: &[(&str, &str)], body: &'static str) -> reqwest::Response {
    let mut url = stack.url("PUT", "k");
    for (name, value) in headers {
        url = url.header(name, value);
    }
    let mut put = stack.http.put(url.sign()).body(body);
    for (name, value) in headers {
        put = put.header(*name, *value);
    }
    put.send().await.unwrap()
}

#[tokio::test]
async fn a_checksum_is_verified_kept_and_shown() {
    let stack = Stack::start().await;
    for (name, sum) in SUMS {
        let stored = put(&stack, &[(name, sum)], "hello").await;
        assert_eq!(stored.status(), 200, "{name}");
        assert_eq!(stored.headers()[name], sum);
        for method in ["GET", "HEAD"] {
            let url = stack
                .url(method, "k")
                .header("x-amz-checksum-mode", "ENABLED")
                .sign();
            let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
            let read = stack
                .http
                .request(method, url)
                .header("x-amz-checksum-mode", "ENABLED");
            let read = read.send().await.unwrap();
            assert_eq!(read.headers()[name], sum);
            assert_eq!(read.headers()["x-amz-checksum-type"], "FULL_OBJECT");
        }
        let unasked = stack
            .http
            .get(stack.url("GET", "k").sign())
            .send()
            .await
            .unwrap();
        assert!(!unasked.headers().contains_key(name));
    }
}

#[tokio::test]
async fn a_wrong_checksum_changes_nothing() {
    let mut stack = Stack::start().await;
    for (name, sum) in SUMS {
        assert_eq!(
            refused(put(&stack, &[(name, sum)], "hellO").await).await,
            (400, "BadDigest".into())
        );
        assert_eq!(stack.bytes("k").await, None);
    }
    stack.put("k", b"before").await;
    stack.events.try_recv().unwrap();
    for (name, sum) in SUMS {
        assert_eq!(
            refused(put(&stack, &[(name, sum)], "hellO").await).await,
            (400, "BadDigest".into())
        );
        let malformed = put(&stack, &[(name, "bm9wZQ")], "hello").await;
        assert_eq!(refused(malformed).await, (400, "InvalidRequest".into()));
    }
    let two = put(&stack, &SUMS[..2], "hello").await;
    assert_eq!(refused(two).await, (400, "InvalidRequest".into()));
    assert_eq!(stack.bytes("k").await.unwrap(), b"before");
    assert!(stack.events.try_recv().is_err());
    assert_eq!(
        std::fs::read_dir(stack.root.path().join("drafts"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn content_md5_is_verified() {
    let stack = Stack::start().await;
    let right = put(
        &stack,
        &[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")],
        "hello",
    )
    .await;
    assert_eq!(right.status(), 200);
    let wrong = put(
        &stack,
        &[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")],
        "hellO",
    )
    .await;
    assert_eq!(refused(wrong).await, (400, "BadDigest".into()));
    let malformed = put(&stack, &[("content-md5", "abc=")], "hello").await;
    assert_eq!(refused(malformed).await, (400, "InvalidDigest".into()));
    assert_eq!(stack.bytes("k").await.unwrap(), b"hello");
}

#[tokio::test]
async fn the_sdk_sends_its_checksums_in_trailers() {
    let stack = Stack::start().await;
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put = stack
            .sdk()
            .put_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_algorithm(algorithm.clone());
        put.body(vec![7; 300_000].into()).send().await.unwrap();
        let head = stack
            .sdk()
            .head_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        assert_eq!(head.checksum_type(), Some(&ChecksumType::FullObject));
        let shown = match algorithm {
            ChecksumAlgorithm::Crc32 => head.checksum_crc32(),
            ChecksumAlgorithm::Crc32C => head.checksum_crc32_c(),
            ChecksumAlgorithm::Crc64Nvme => head.checksum_crc64_nvme(),
            ChecksumAlgorithm::Sha1 => head.checksum_sha1(),
            _ => head.checksum_sha256(),
        };
        assert!(shown.is_some(), "{algorithm}");
        // The SDK verifies the bytes that it reads.
        assert_eq!(stack.bytes("k").await.unwrap(), vec![7; 300_000]);
    }
}

#[tokio::test]
async fn a_wrong_trailer_stores_nothing() {
    let stack = Stack::start().await;
    let put = |trailer: &'static str, body: &'static str| {
        let url = stack
            .url("PUT", "k")
            .header("x-amz-trailer", "x-amz-checksum-crc32");
        let url = url
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", "5");
        let (url, headers) = url.sign_headers("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
        let request = headers
            .iter()
            .fold(stack.http.put(url), |request, (name, value)| {
                request.header(name, value)
            });
        request
            .body(format!("5\r\n{body}\r\n0\r\n{trailer}\r\n"))
            .send()
    };
    let wrong = put("x-amz-checksum-crc32:NhCmhg==\r\n", "hellO")
        .await
        .unwrap();
    assert_eq!(refused(wrong).await, (400, "BadDigest".into()));
    let missing = put("", "hello").await.unwrap();
    assert_eq!(refused(missing).await.0, 400);
    assert_eq!(stack.bytes("k").await, None);
    assert_eq!(
        put("x-amz-checksum-crc32:NhCmhg==\r\n", "hello")
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(stack.bytes("k").await.unwrap(), b"hello");
}

#[tokio::test]
async fn a_signed_hash_of_the_body_is_verified() {
    let stack = Stack::start().await;
    let put = |body: &'static str| {
        let (url, headers) = stack.url("PUT", "k").sign_headers(&sha256(b"hello"));
        let request = headers
            .iter()
            .fold(stack.http.put(url), |request, (name, value)| {
                request.header(name, value)
            });
        request.body(body).send()
    };
    let wrong = put("hellO").await.unwrap();
    assert_eq!(
        refused(wrong).await,
        (400, "XAmzContentSHA256Mismatch".into())
    );
    assert_eq!(stack.bytes("k").await, None);
    assert_eq!(put("hello").await.unwrap().status(), 200);
}

#[tokio::test]
async fn without_a_checksum_s3_computes_a_crc64() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    sdk.put_object()
        .bucket(BUCKET)
        .key("k")
        .body(b"hello".to_vec().into())
        .send()
        .await
        .unwrap();
    let head = sdk
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert_eq!(head.checksum_crc64_nvme(), Some("M3eFcAZSQlc="));
    assert_eq!(head.checksum_sha256(), None);
}

#[tokio::test]
async fn metadata_is_limited() {
    let stack = Stack::start().await;
    let put = |length: usize| {
        let url = stack
            .url("PUT", "k")
            .query("x-amz-meta-name", &"x".repeat(length))
            .sign();
        stack.http.put(url).body("x").send()
    };
    assert_eq!(put(2044).await.unwrap().status(), 200);
    assert_eq!(
        refused(put(2045).await.unwrap()).await,
        (400, "MetadataTooLarge".into())
    );
}

#[tokio::test]
async fn a_batch_delete_needs_a_digest() {
    let stack = Stack::start().await;
    let body = "<Delete><Object><Key>a</Key></Object></Delete>";
    let (url, headers) = stack
        .url("POST", "")
        .query("delete", "")
        .sign_headers(&sha256(body.as_bytes()));
    let request = headers
        .iter()
        .fold(stack.http.post(url), |request, (name, value)| {
            request.header(name, value)
        });
    let bare = request.body(body).send().await.unwrap();
    assert_eq!(refused(bare).await, (400, "InvalidRequest".into()));
}
