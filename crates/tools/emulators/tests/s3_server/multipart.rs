//! Multipart uploads from begin to end.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart};
use slipway_emulators::s3::EventName;

use crate::stack::{BUCKET, Stack, refusal, refused};
use slipway_core::hex;

const MIB: usize = 1024 * 1024;

pub(crate) async fn begin(sdk: &Client, key: &str) -> String {
    let begun = sdk
        .create_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .content_type("video/mp4");
    begun
        .metadata("name", "x")
        .send()
        .await
        .unwrap()
        .upload_id
        .unwrap()
}

pub(crate) async fn part(
    sdk: &Client,
    key: &str,
    id: &str,
    number: i32,
    bytes: Vec<u8>,
) -> CompletedPart {
    let part = sdk
        .upload_part()
        .bucket(BUCKET)
        .key(key)
        .upload_id(id)
        .part_number(number);
    let etag = part.body(bytes.into()).send().await.unwrap().e_tag.unwrap();
    CompletedPart::builder()
        .part_number(number)
        .e_tag(etag)
        .build()
}

pub(crate) fn all(parts: &[CompletedPart]) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder()
        .set_parts(Some(parts.to_vec()))
        .build()
}

#[tokio::test]
async fn parts_become_one_object() {
    let mut stack = Stack::start().await;
    let id = begin(&stack.plain_sdk(), "k").await;
    let last = part(&stack.plain_sdk(), "k", &id, 7, vec![2; 10]).await;
    // After a restart parts are accepted in any order, and a part may be sent again.
    stack = stack.restart().await;
    let sdk = stack.plain_sdk();
    part(&sdk, "k", &id, 3, vec![9; 100]).await;
    let first = part(&sdk, "k", &id, 3, vec![1; 5 * MIB]).await;
    let complete = sdk
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id);
    let complete = complete.multipart_upload(all(&[first, last]));
    let done = complete.clone().send().await.unwrap();

    let digests = [vec![1; 5 * MIB], vec![2; 10]]
        .map(|bytes| md5(&bytes))
        .concat();
    let etag = format!("\"{}-2\"", hex(&md5(&digests)));
    assert_eq!(done.e_tag(), Some(etag.as_str()));
    let event = stack.events.try_recv().unwrap();
    assert_eq!(
        (event.name, event.size),
        (EventName::CompleteMultipartUpload, 5 * 1024 * 1024 + 10)
    );
    assert!(stack.events.try_recv().is_err());
    assert_eq!(refusal(complete.send().await), (404, "NoSuchUpload".into()));

    stack = stack.restart().await;
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert_eq!(head.e_tag(), Some(etag.as_str()));
    assert_eq!(head.content_type(), Some("video/mp4"));
    assert_eq!(head.metadata().unwrap()["name"], "x");
    assert_eq!(head.checksum_sha256(), None);
    assert_eq!(
        stack.bytes("k").await.unwrap(),
        [vec![1; 5 * MIB], vec![2; 10]].concat()
    );
    assert_eq!(
        std::fs::read_dir(stack.root.path().join("uploads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn metadata_in_the_query_of_a_begin_is_stored() {
    let stack = Stack::start().await;
    let url = stack
        .url("POST", "k")
        .query("uploads", "")
        .query("x-amz-meta-name", "Zm9v")
        .sign();
    let begun = stack
        .http
        .post(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let id = begun
        .split("<UploadId>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let url = stack
        .url("PUT", "k")
        .query("partNumber", "1")
        .query("uploadId", &id);
    let url = url.header("content-length", "2").sign();
    let wrong = stack.http.put(&url).body("abc").send().await.unwrap();
    assert_eq!(refused(wrong).await, (403, "SignatureDoesNotMatch".into()));
    let sent = stack.http.put(&url).body("ab").send().await.unwrap();
    let etag = sent.headers()["etag"].to_str().unwrap().to_owned();
    let url = stack.url("POST", "k").query("uploadId", &id).sign();
    let body = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let done = stack.http.post(url).body(body).send().await.unwrap();
    assert_eq!(done.status(), 200);
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(head.metadata().unwrap()["name"], "Zm9v");
    assert_eq!(stack.bytes("k").await.unwrap(), b"ab");
}

#[tokio::test]
async fn a_wrong_list_of_parts_is_refused() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let id = begin(&sdk, "k").await;
    let one = part(&sdk, "k", &id, 1, vec![1; 5 * MIB - 1]).await;
    let two = part(&sdk, "k", &id, 2, vec![2; 1]).await;
    let complete = |parts: &[CompletedPart]| {
        let complete = sdk
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id);
        complete.multipart_upload(all(parts)).send()
    };
    let with = |number, etag: &str| {
        CompletedPart::builder()
            .part_number(number)
            .e_tag(etag)
            .build()
    };
    let etag = one.e_tag().unwrap();
    for (parts, code) in [
        (vec![one.clone(), two.clone()], "EntityTooSmall"),
        (vec![two.clone(), one.clone()], "InvalidPartOrder"),
        (vec![one.clone(), one.clone()], "InvalidPartOrder"),
        (vec![with(3, etag)], "InvalidPart"),
        (vec![with(2, etag)], "InvalidPart"),
        (vec![], "MalformedXML"),
    ] {
        assert_eq!(refusal(complete(&parts).await), (400, code.to_owned()));
    }
    assert_eq!(stack.bytes("k").await, None);
    // The upload is unchanged, and a single part may be small.
    complete(&[one]).await.unwrap();
    assert_eq!(stack.bytes("k").await.unwrap().len(), 5 * MIB - 1);
}

#[tokio::test]
async fn write_once_holds_for_completion() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let id = begin(&sdk, "k").await;
    let parts = [part(&sdk, "k", &id, 1, vec![1; 10]).await];
    stack.put("k", b"before").await;
    let complete = sdk
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id);
    let complete = complete.multipart_upload(all(&parts)).if_none_match("*");
    assert_eq!(
        refusal(complete.clone().send().await),
        (412, "PreconditionFailed".into())
    );
    assert_eq!(stack.bytes("k").await.unwrap(), b"before");
    sdk.delete_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    complete.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_completions_one_makes_the_object() {
    let mut stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let id = begin(&sdk, "k").await;
    let parts = [part(&sdk, "k", &id, 1, vec![1; 16 * MIB]).await];
    let complete = || {
        let complete = sdk
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id);
        complete.multipart_upload(all(&parts)).send()
    };
    let (one, two) = tokio::join!(complete(), complete());
    let lost = if one.is_ok() { two } else { one };
    assert_eq!(refusal(lost), (404, "NoSuchUpload".into()));
    assert!(stack.events.try_recv().is_ok());
    assert!(stack.events.try_recv().is_err());
    assert_eq!(stack.bytes("k").await.unwrap().len(), 16 * MIB);
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let id = begin(&sdk, "k").await;
    let done = [part(&sdk, "k", &id, 1, vec![1; 10]).await];
    let abort = sdk
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id);
    let url = stack.url("DELETE", "k").query("uploadId", &id).sign();
    assert_eq!(stack.http.delete(url).send().await.unwrap().status(), 204);
    let gone = (404, "NoSuchUpload".to_owned());
    assert_eq!(refusal(abort.send().await), gone);
    let again = sdk
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(1);
    assert_eq!(refusal(again.body(b"x".to_vec().into()).send().await), gone);
    let complete = sdk
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id);
    assert_eq!(
        refusal(complete.multipart_upload(all(&done)).send().await),
        gone
    );
    assert_eq!(
        refusal(
            sdk.list_parts()
                .bucket(BUCKET)
                .key("k")
                .upload_id(&id)
                .send()
                .await
        ),
        gone
    );
    // An upload belongs to its key.
    let id = begin(&sdk, "k").await;
    let other = sdk
        .upload_part()
        .bucket(BUCKET)
        .key("l")
        .upload_id(&id)
        .part_number(1);
    assert_eq!(refusal(other.body(b"x".to_vec().into()).send().await), gone);
    let zero = sdk
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(10_001);
    assert_eq!(
        refusal(zero.body(b"x".to_vec().into()).send().await),
        (400, "InvalidArgument".into())
    );
}

fn md5(bytes: &[u8]) -> Vec<u8> {
    use s3s::crypto::{Checksum as _, Md5};
    Md5::checksum(bytes).to_vec()
}
