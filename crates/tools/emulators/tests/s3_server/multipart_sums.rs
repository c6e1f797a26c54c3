//! Checksums of multipart uploads, with S3's strictness.

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedPart};

use crate::multipart::{all, begin};
use crate::stack::{BUCKET, Stack, refusal};

#[tokio::test]
async fn an_announced_checksum_is_computed_from_the_parts() {
    let stack = Stack::start().await;
    let sdk = stack.sdk();
    let begun = sdk.create_multipart_upload().bucket(BUCKET).key("k");
    let begun = begun
        .checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap();
    let id = begun.upload_id.unwrap();
    let send = |algorithm| {
        let send = sdk
            .upload_part()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id)
            .part_number(1);
        send.body(b"hello".to_vec().into())
            .checksum_algorithm(algorithm)
            .send()
    };
    let other = send(ChecksumAlgorithm::Crc32).await;
    assert_eq!(refusal(other), (400, "InvalidRequest".into()));
    let stored = send(ChecksumAlgorithm::Sha256).await.unwrap();
    let part = CompletedPart::builder()
        .part_number(1)
        .e_tag(stored.e_tag().unwrap());
    let complete = |part| {
        let complete = sdk
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id);
        complete.multipart_upload(all(&[part])).send()
    };
    assert_eq!(
        refusal(complete(part.clone().build()).await),
        (400, "InvalidRequest".into())
    );
    let wrong = part
        .clone()
        .checksum_sha256("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCU=");
    assert_eq!(
        refusal(complete(wrong.build()).await),
        (400, "InvalidPart".into())
    );
    complete(part.set_checksum_sha256(stored.checksum_sha256).build())
        .await
        .unwrap();
    let head = sdk
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert_eq!(head.checksum_type(), Some(&ChecksumType::Composite));
    assert_eq!(
        head.checksum_sha256(),
        Some("lZXJ35AHUUjrBoYDZd8zWEt1v/eCpRDGzUiDpBmDPVA=-1")
    );
}

#[tokio::test]
async fn a_part_without_the_announced_checksum_is_refused_as_s3_does() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let id = begin(&sdk, "k").await;
    let unannounced = stack
        .sdk()
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(1);
    let refused = unannounced.body(b"x".to_vec().into()).send().await;
    assert_eq!(refusal(refused), (400, "InvalidRequest".into()));
}

/// An upload without an algorithm has a CRC-64/NVME of the full object, which its completion may
/// contain.
#[tokio::test]
async fn a_wrong_checksum_of_the_whole_makes_no_object() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let id = begin(&sdk, "k").await;
    let part = sdk
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&id)
        .part_number(1)
        .body(b"123456789".to_vec().into());
    let part = part.send().await.unwrap();
    let part = CompletedPart::builder()
        .part_number(1)
        .e_tag(part.e_tag().unwrap())
        .build();
    let complete = |checksum: &str, kind| {
        let complete = sdk
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&id)
            .checksum_crc64_nvme(checksum)
            .checksum_type(kind);
        complete
            .multipart_upload(all(std::slice::from_ref(&part)))
            .send()
    };
    for (checksum, kind, code) in [
        ("AAAAAAAAAAA=", ChecksumType::FullObject, "BadDigest"),
        ("rosUhgp5mIg=", ChecksumType::Composite, "BadDigest"),
        ("rosUhgp5", ChecksumType::FullObject, "InvalidRequest"),
    ] {
        let refused = complete(checksum, kind).await;
        assert_eq!(refusal(refused), (400, code.into()));
        let head = sdk.head_object().bucket(BUCKET).key("k").send().await;
        assert_eq!(refusal(head).0, 404);
    }
    complete("rosUhgp5mIg=", ChecksumType::FullObject)
        .await
        .unwrap();
    let head = sdk
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert_eq!(head.checksum_type(), Some(&ChecksumType::FullObject));
    assert_eq!(head.checksum_crc64_nvme(), Some("rosUhgp5mIg="));
}
