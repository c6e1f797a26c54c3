//! The requests of a rename as S3 receives them.

use super::{behind, error, is_copy, key, rename, upload};
use crate::world::{BUCKET, World};
use slipway_testkit::HttpFault;

#[tokio::test]
async fn a_copy_names_its_conditions() {
    let world = World::new().await;
    let file = upload(&world).await;
    let (fault, app) = behind(&world).await;
    let etag = format!("\"{}\"", file["etag"].as_str().unwrap());
    let source = format!("x-amz-copy-source: {BUCKET}/{}", key(&file));
    let (seen, mut copies) = tokio::sync::mpsc::unbounded_channel();
    fault.fail_by_head(move |head, _| {
        let copy = is_copy(head.lines().next()?);
        copy.then(|| drop(seen.send(head.to_owned())));
        None
    });
    rename(&app, &file, "b.txt").await.expect(200);
    let head = copies.recv().await.unwrap();
    for line in [
        &format!("if-match: {etag}"),
        &format!("x-amz-copy-source-if-match: {etag}"),
        &source,
        "x-amz-metadata-directive: REPLACE",
        "x-amz-tagging-directive: COPY",
        "x-amz-checksum-algorithm: CRC64NVME",
        "content-length: 0",
    ] {
        assert!(head.contains(&format!("\r\n{line}")), "{line}: {head}");
    }
    assert!(!head.contains("server-side-encryption"), "{head}");
}

/// A KMS key is not emulated. The copy names the key that the HEAD reports.
#[tokio::test]
async fn a_copy_keeps_the_kms_key() {
    const KMS: [&str; 3] = [
        "x-amz-server-side-encryption: aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:us-east-1:111122223333:key/k",
        "x-amz-server-side-encryption-bucket-key-enabled: true",
    ];
    let world = World::new().await;
    let file = upload(&world).await;
    let (fault, app) = behind(&world).await;
    fault.edit_response_heads(|head| format!("{head}\r\n{}", KMS.join("\r\n")));
    let (seen, mut copies) = tokio::sync::mpsc::unbounded_channel();
    fault.fail_by_head(move |head, _| {
        let copy = is_copy(head.lines().next()?);
        copy.then(|| drop(seen.send(head.to_owned())));
        copy.then(|| HttpFault::Respond(412, error("PreconditionFailed")))
    });
    rename(&app, &file, "b.txt")
        .await
        .refused(409, "file_changed");
    let head = copies.recv().await.unwrap();
    for line in KMS {
        assert!(head.contains(line), "{line}: {head}");
    }
}
