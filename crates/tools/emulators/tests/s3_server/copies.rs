//! `CopyObject` onto the same key, as a rename does.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::copy_object::builders::CopyObjectFluentBuilder;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    ChecksumMode, CompletedMultipartUpload, CompletedPart, MetadataDirective, StorageClass,
};

use crate::stack::{BUCKET, Stack, refusal};

const KEY: &str = "alice@x/01890a5d-ac96-774b-bcce-b302099a8057/a.txt";
const ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";
const OTHER: &str = "\"00000000000000000000000000000000\"";

fn onto_itself(sdk: &Client) -> CopyObjectFluentBuilder {
    let source = format!("{BUCKET}/{}", KEY.replace('@', "%40"));
    let copy = sdk.copy_object().bucket(BUCKET).key(KEY);
    copy.copy_source(source)
        .metadata_directive(MetadataDirective::Replace)
}

async fn head(stack: &Stack) -> HeadObjectOutput {
    let head = stack.sdk().head_object().bucket(BUCKET).key(KEY);
    let head = head.checksum_mode(ChecksumMode::Enabled);
    head.send().await.unwrap()
}

#[tokio::test]
async fn both_conditions_are_checked() {
    let stack = Stack::start().await;
    stack.put(KEY, b"hello").await;
    let copy = || onto_itself(&stack.sdk());
    for refused in [
        copy().if_match(OTHER),
        copy().copy_source_if_match(OTHER),
        copy().if_match(ETAG).copy_source_if_match(OTHER),
        copy().copy_source_if_match(ETAG).if_match(OTHER),
        copy().if_none_match("*"),
    ] {
        let refused = refused.metadata("name", "x").send().await;
        assert_eq!(refusal(refused), (412, "PreconditionFailed".into()));
    }
    assert_eq!(head(&stack).await.metadata().unwrap().len(), 0);
    let done = copy().if_match(ETAG).copy_source_if_match(ETAG);
    done.metadata("name", "x").send().await.unwrap();
    assert_eq!(head(&stack).await.metadata().unwrap()["name"], "x");
    stack
        .sdk()
        .delete_object()
        .bucket(BUCKET)
        .key(KEY)
        .send()
        .await
        .unwrap();
    let gone = copy()
        .if_match(ETAG)
        .copy_source_if_match(ETAG)
        .send()
        .await;
    assert_eq!(refusal(gone), (404, "NoSuchKey".into()));
}

/// The object appears only if nothing replaced it while it was copied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_copies_and_overwrites_none_is_lost() {
    let stack = Stack::start().await;
    let sdk = stack.sdk();
    for round in 0..20u8 {
        stack.put(KEY, &vec![round; 300_000]).await;
        let etag = head(&stack).await.e_tag.unwrap();
        let copy = onto_itself(&sdk)
            .if_match(&etag)
            .copy_source_if_match(&etag);
        let copy = tokio::spawn(copy.metadata("name", "copy").send());
        stack.put(KEY, &vec![100 + round; 300_000]).await;
        // The copy was first, or the upload was, and then there is no copy.
        drop(copy.await.unwrap());
        assert_eq!(stack.bytes(KEY).await.unwrap(), vec![100 + round; 300_000]);
        assert_eq!(head(&stack).await.metadata().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn what_is_not_sent_again_is_dropped_except_the_checksum() {
    let stack = Stack::start().await;
    let put = stack.sdk().put_object().bucket(BUCKET).key(KEY);
    let put = put
        .body(b"hello".to_vec().into())
        .content_type("text/css")
        .cache_control("no-cache")
        .expires(DateTime::from_secs(2_000_000_000))
        .storage_class(StorageClass::StandardIa)
        .metadata("name", "a")
        .checksum_sha256("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    put.send().await.unwrap();
    let before = head(&stack).await;
    assert_eq!(before.storage_class(), Some(&StorageClass::StandardIa));
    assert!(before.expires_string().is_some());
    onto_itself(&stack.sdk()).send().await.unwrap();
    let after = head(&stack).await;
    assert_eq!(after.content_type(), Some("binary/octet-stream"));
    assert_eq!(after.cache_control(), None);
    assert_eq!(after.expires_string(), None);
    assert_eq!(after.storage_class(), None);
    assert_eq!(after.metadata().unwrap().len(), 0);
    assert_eq!(after.checksum_sha256(), before.checksum_sha256());
    assert_eq!(after.e_tag(), before.e_tag());
    // Another class alone is a change.
    let class = stack.sdk().copy_object().bucket(BUCKET).key(KEY);
    let class = class.copy_source(format!("{BUCKET}/{KEY}"));
    class
        .storage_class(StorageClass::OnezoneIa)
        .send()
        .await
        .unwrap();
    assert_eq!(
        head(&stack).await.storage_class(),
        Some(&StorageClass::OnezoneIa)
    );
    let stack = stack.restart().await;
    assert_eq!(
        head(&stack).await.storage_class(),
        Some(&StorageClass::OnezoneIa)
    );
}

/// A copy is one object, whatever its source was.
#[tokio::test]
async fn an_object_in_parts_becomes_one() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let begun = sdk.create_multipart_upload().bucket(BUCKET).key(KEY);
    let id = begun.send().await.unwrap().upload_id.unwrap();
    let part = sdk.upload_part().bucket(BUCKET).key(KEY).upload_id(&id);
    let part = part.part_number(1).body(b"hello".to_vec().into());
    let etag = part.send().await.unwrap().e_tag.unwrap();
    let part = CompletedPart::builder().part_number(1).e_tag(etag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let done = sdk.complete_multipart_upload().bucket(BUCKET).key(KEY);
    done.upload_id(id)
        .multipart_upload(parts)
        .send()
        .await
        .unwrap();
    assert!(head(&stack).await.e_tag.unwrap().ends_with("-1\""));
    onto_itself(&sdk).send().await.unwrap();
    assert_eq!(head(&stack).await.e_tag.unwrap(), ETAG);
}

#[tokio::test]
async fn an_archived_object_is_neither_read_nor_copied() {
    let stack = Stack::start().await;
    for class in [StorageClass::Glacier, StorageClass::DeepArchive] {
        let put = stack.sdk().put_object().bucket(BUCKET).key(KEY);
        put.storage_class(class).send().await.unwrap();
        let get = stack
            .sdk()
            .get_object()
            .bucket(BUCKET)
            .key(KEY)
            .send()
            .await;
        assert_eq!(refusal(get), (403, "InvalidObjectState".into()));
        let copy = onto_itself(&stack.sdk()).send().await;
        assert_eq!(refusal(copy), (403, "InvalidObjectState".into()));
        head(&stack).await;
    }
}

/// S3 requires actions for tags only if the source has some.
#[tokio::test]
async fn tags_are_copied_by_those_who_may() {
    let stack = Stack::start().await;
    stack.put(KEY, b"hello").await;
    let copy = |function: &str| onto_itself(&stack.sdk_of(function)).metadata("name", "x");
    copy("multipart").send().await.unwrap();
    copy("rename").send().await.unwrap();
    for function in ["presign", "save-metadata", "files"] {
        let refused = copy(function).send().await;
        assert_eq!(refusal(refused), (403, "AccessDenied".into()), "{function}");
    }
    let put = stack.sdk().put_object().bucket(BUCKET).key(KEY);
    put.tagging("a=b").send().await.unwrap();
    let refused = copy("multipart").send().await;
    assert_eq!(refusal(refused), (403, "AccessDenied".into()));
    copy("rename").send().await.unwrap();
    let tags = stack.sdk().get_object_tagging().bucket(BUCKET).key(KEY);
    assert_eq!(tags.send().await.unwrap().tag_set().len(), 1);
}
