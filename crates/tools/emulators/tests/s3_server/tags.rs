//! Tags of objects, the bucket policy that depends on them, and the scanner that sets them.

use aws_sdk_s3::types::{Tag, Tagging, TaggingDirective};
use serde_json::json;
use slipway_emulators::s3::Policy;

use crate::stack::{BUCKET, Stack, refusal, refused};

const KEY: &str = "alice/01890a5d-ac96-774b-bcce-b302099a8057/a.txt";
const EICAR: [&str; 2] = [
    r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-",
    "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
];

fn tagging(pairs: &[(&str, &str)]) -> Tagging {
    let tag =
        |(name, value): &(&str, &str)| Tag::builder().key(*name).value(*value).build().unwrap();
    let tags = pairs.iter().map(tag).collect();
    Tagging::builder().set_tag_set(Some(tags)).build().unwrap()
}

impl Stack {
    /// A server with the bucket policy of the template with `RequireScan`.
    async fn gated() -> Self {
        Self::start_with(Policy {
            parameters: vec![("RequireScan", "true".to_owned())],
            ..Policy::default()
        })
        .await
    }

    async fn tags(&self, key: &str) -> Vec<(String, String)> {
        let get = self.sdk().get_object_tagging().bucket(BUCKET).key(key);
        let tags = get.send().await.unwrap();
        let pair = |tag: &Tag| (tag.key().to_owned(), tag.value().to_owned());
        tags.tag_set().iter().map(pair).collect()
    }

    async fn tag(&self, key: &str, pairs: &[(&str, &str)]) {
        let put = self.sdk().put_object_tagging().bucket(BUCKET).key(key);
        put.tagging(tagging(pairs)).send().await.unwrap();
    }

    /// Status and code of a read by URL; the code is empty on success.
    async fn read(&self, key: &str) -> (u16, String) {
        let url = self.url("GET", key).sign();
        refused(self.http.get(url).send().await.unwrap()).await
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[tokio::test]
async fn tags_are_replaced_deleted_and_survive_a_restart() {
    let stack = Stack::start().await;
    stack.put("a", b"hello").await;
    assert_eq!(stack.tags("a").await, []);
    stack.tag("a", &[("one", "1"), ("two", "ü 2")]).await;
    stack.tag("a", &[("two", "ü 2"), ("three", "")]).await;
    let expected = pairs(&[("three", ""), ("two", "ü 2")]);
    assert_eq!(stack.tags("a").await, expected);
    let get = stack.sdk().get_object().bucket(BUCKET).key("a");
    assert_eq!(get.send().await.unwrap().tag_count(), Some(2));
    let stack = stack.restart().await;
    assert_eq!(stack.tags("a").await, expected);
    assert_eq!(stack.bytes("a").await.unwrap(), b"hello");
    let delete = stack.sdk().delete_object_tagging().bucket(BUCKET).key("a");
    delete.send().await.unwrap();
    assert_eq!(stack.tags("a").await, []);
    let stack = stack.restart().await;
    assert_eq!(stack.tags("a").await, []);
}

#[tokio::test]
async fn tags_are_gone_when_the_key_is_written_again() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    for again in 0..3 {
        stack.put("a", b"hello").await;
        stack.tag("a", &[("scan", "clean")]).await;
        match again {
            // The same bytes are another object all the same.
            0 => stack.put("a", b"hello").await,
            1 => {
                sdk.delete_object()
                    .bucket(BUCKET)
                    .key("a")
                    .send()
                    .await
                    .unwrap();
                stack.put("a", b"hello").await;
            }
            _ => {
                let begun = sdk.create_multipart_upload().bucket(BUCKET).key("a");
                let id = begun.send().await.unwrap().upload_id.unwrap();
                let part = sdk.upload_part().bucket(BUCKET).key("a").upload_id(&id);
                let part = part.part_number(1).body(b"hello".to_vec().into());
                let etag = part.send().await.unwrap().e_tag.unwrap();
                let part = aws_sdk_s3::types::CompletedPart::builder()
                    .part_number(1)
                    .e_tag(etag);
                let parts =
                    aws_sdk_s3::types::CompletedMultipartUpload::builder().parts(part.build());
                let done = sdk.complete_multipart_upload().bucket(BUCKET).key("a");
                let done = done.upload_id(id).multipart_upload(parts.build());
                done.send().await.unwrap();
            }
        }
        assert_eq!(stack.tags("a").await, [], "{again}");
    }
    let stack = stack.restart().await;
    assert_eq!(stack.tags("a").await, []);
}

#[tokio::test]
async fn uploads_and_copies_can_set_tags() {
    let stack = Stack::start().await;
    let put = stack
        .sdk()
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .tagging("x=1&y=a%20b");
    put.send().await.unwrap();
    assert_eq!(stack.tags("a").await, pairs(&[("x", "1"), ("y", "a b")]));
    let copy = |key| {
        let copy = stack.sdk().copy_object().bucket(BUCKET).key(key);
        copy.copy_source(format!("{BUCKET}/a"))
    };
    copy("b").send().await.unwrap();
    assert_eq!(stack.tags("b").await, stack.tags("a").await);
    let replaced = copy("c").tagging_directive(TaggingDirective::Replace);
    replaced.tagging("z=3").send().await.unwrap();
    assert_eq!(stack.tags("c").await, pairs(&[("z", "3")]));
    // S3 ignores tags in a signed query; it only reads the header.
    let url = stack.url("PUT", "d").query("x-amz-tagging", "x=1").sign();
    let put = stack.http.put(url).body("hello").send().await.unwrap();
    assert_eq!(put.status(), 200);
    assert_eq!(stack.tags("d").await, []);
    // An unsigned header is refused.
    let url = stack.url("PUT", "d").sign();
    let put = stack
        .http
        .put(url)
        .header("x-amz-tagging", "x=1")
        .body("hello");
    assert_eq!(put.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn invalid_tags_are_refused() {
    let stack = Stack::start().await;
    stack.put("a", b"hello").await;
    let (long, longer) = ("x".repeat(129), "x".repeat(257));
    let eleven: Vec<_> = (0..11).map(|at| at.to_string()).collect();
    let eleven: Vec<_> = eleven.iter().map(|name| (name.as_str(), "")).collect();
    for tags in [
        &[("", "1")][..],
        &[(&long, "1")],
        &[("x", &longer)],
        &[("x", "1"), ("x", "2")],
        &eleven,
    ] {
        let put = stack.sdk().put_object_tagging().bucket(BUCKET).key("a");
        let put = put.tagging(tagging(tags)).send().await;
        assert_eq!(refusal(put).0, 400);
    }
    let put = stack
        .sdk()
        .put_object_tagging()
        .bucket(BUCKET)
        .key("nothing");
    let put = put.tagging(tagging(&[("x", "1")])).send().await;
    assert_eq!(refusal(put), (404, "NoSuchKey".to_owned()));
}

#[tokio::test]
async fn the_bucket_policy_lets_urls_read_only_clean_objects() {
    let stack = Stack::gated().await;
    let denied = (403, "AccessDenied".to_owned());
    // A missing object has no tags either.
    assert_eq!(stack.read(KEY).await, denied);
    stack.put(KEY, b"hello").await;
    assert_eq!(stack.read(KEY).await, denied);
    // Requests signed in headers can read it: the functions, and the scanner.
    assert_eq!(stack.bytes(KEY).await.unwrap(), b"hello");
    for status in [
        "THREATS_FOUND",
        "UNSUPPORTED",
        "FAILED",
        "no_threats_found",
        "",
    ] {
        stack
            .tag(KEY, &[("GuardDutyMalwareScanStatus", status)])
            .await;
        assert_eq!(stack.read(KEY).await, denied, "{status}");
    }
    let clean = [
        ("other", "1"),
        ("GuardDutyMalwareScanStatus", "NO_THREATS_FOUND"),
    ];
    stack.tag(KEY, &clean).await;
    assert_eq!(stack.read(KEY).await, (200, String::new()));
    let url = stack.url("HEAD", KEY).sign();
    assert_eq!(stack.http.head(&url).send().await.unwrap().status(), 200);
    let known = stack.url("GET", KEY).sign();
    let etag = stack.http.get(&known).send().await.unwrap();
    let etag = etag.headers()["etag"].clone();
    // The same bytes again: not even a 304 is sent.
    stack.put(KEY, b"hello").await;
    assert_eq!(stack.read(KEY).await, denied);
    assert_eq!(stack.http.head(url).send().await.unwrap().status(), 403);
    let again = stack.http.get(known).header("if-none-match", etag);
    assert_eq!(again.send().await.unwrap().status(), 403);
    // Copying it to a readable key does not help either.
    let put = stack.url("PUT", "alice/01890a5d-ac96-774b-bcce-b302099a8057/!preview");
    let source = format!("{BUCKET}/{KEY}");
    let put = put.header("x-amz-copy-source", &source).sign();
    let put = stack.http.put(put).header("x-amz-copy-source", &source);
    assert_eq!(refused(put.send().await.unwrap()).await, denied);
    // Previews are our own objects, made from scanned ones.
    let preview = KEY.replace("a.txt", "!preview");
    stack.put(&preview, b"picture").await;
    assert_eq!(stack.read(&preview).await, (200, String::new()));
}

#[tokio::test]
async fn the_scanner_tags_only_the_scanned_object() {
    let mut stack = Stack::gated().await;
    let scanner = stack.server.scanner();
    assert_eq!(scanner.scan(KEY), None);
    stack.put(KEY, b"hello").await;
    stack.tag(KEY, &[("other", "1")]).await;
    let event = scanner.scan(KEY).unwrap();
    assert_eq!(
        event["detail-type"],
        "GuardDuty Malware Protection Object Scan Result"
    );
    assert_eq!(
        event["detail"]["s3ObjectDetails"],
        json!({ "bucketName": BUCKET, "objectKey": KEY, "eTag": "5d41402abc4b2a76b9719d911017c592", "versionId": "", "s3Throttled": false })
    );
    let result = "/detail/scanResultDetails/scanResultStatus";
    assert_eq!(event.pointer(result).unwrap(), "NO_THREATS_FOUND");
    let expected = pairs(&[
        ("GuardDutyMalwareScanStatus", "NO_THREATS_FOUND"),
        ("other", "1"),
    ]);
    assert_eq!(stack.tags(KEY).await, expected);
    assert_eq!(stack.read(KEY).await.0, 200);
    stack.put(KEY, EICAR.concat().as_bytes()).await;
    // A result for the earlier bytes.
    scanner.report(KEY, "5d41402abc4b2a76b9719d911017c592", "NO_THREATS_FOUND");
    assert_eq!(stack.tags(KEY).await, []);
    let event = scanner.scan(KEY).unwrap();
    assert_eq!(event.pointer(result).unwrap(), "THREATS_FOUND");
    assert_eq!(stack.read(KEY).await.0, 403);
    // Tags cannot be read by URL.
    while let Ok(event) = stack.events.try_recv() {
        assert_eq!(event.name.as_str(), "ObjectCreated:Put");
    }
}
