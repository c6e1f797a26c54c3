//! CRC-64/NVME: the checksum that S3 computes, and the one that a client may require for a
//! multipart upload.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::multipart_complete::complete_by_hand;
use crate::world::{Answer, Events, MIB, World};

/// The checksum by its definition: reflected, the polynomial 0xad93d23594c93659, all bits set
/// before and inverted after.
fn crc64nvme(bytes: &[u8]) -> String {
    let mut crc = u64::MAX;
    for byte in bytes {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1 == 1;
            crc >>= 1;
            if carry {
                crc ^= 0x9a6c_9329_ac4b_c9b5;
            }
        }
    }
    STANDARD.encode((!crc).to_be_bytes())
}

async fn complete(world: &World, begun: &Value, checksum: Value) -> Answer {
    let id = begun["id"].as_str().unwrap();
    let body = json!({ "checksumCrc64nvme": checksum });
    let path = format!("/multipart-uploads/{id}/complete");
    world.post("alice", &path, body).await
}

#[tokio::test]
async fn s3_has_one_of_files_that_name_no_other() {
    assert_eq!(crc64nvme(b"123456789"), "rosUhgp5mIg=");
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    assert_eq!(file["checksumCrc64nvme"], crc64nvme(b"hello"));
    assert_eq!(file["checksumSha256"], Value::Null);
    let sha256 = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let ask = json!({ "fileName": "a", "contentType": "text/plain", "checksumSha256": sha256 });
    let presigned = world.presign("alice", ask).await;
    assert_eq!(world.put(&presigned, b"hello").await.status(), 200);
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    assert_eq!(file["checksumSha256"], sha256);
    assert_eq!(file["checksumCrc64nvme"], Value::Null);
}

#[tokio::test]
async fn a_row_of_before_gets_it_at_the_next_head() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let sql = "UPDATE s3_files SET checksum_crc64nvme = NULL";
    world.sql().await.batch_execute(sql).await.unwrap();
    let id = file["id"].as_str().unwrap();
    let path = format!("/files/{id}");
    let shown = world.get("alice", &path).await.expect(200)["file"].clone();
    assert_eq!(shown["checksumCrc64nvme"], Value::Null);
    let saved = world.save("alice", &file).await.expect(200)["file"].clone();
    assert_eq!(saved, file);
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn a_large_file_has_the_checksum_of_the_whole() {
    let world = World::new().await;
    let mut bytes = vec![b'a'; MIB * 5 + 3];
    bytes[MIB * 5] = b'b';
    let begun = world.begin("alice", bytes.len()).await;
    world.put_parts("alice", &begun, &bytes, &[1, 2]).await;
    for wrong in [json!("AAAA"), json!(""), json!(1), json!("rosUhgp5mIg")] {
        complete(&world, &begun, wrong)
            .await
            .refused(400, "invalid_request");
    }
    // One byte was damaged on its way. No object is created, and the part can be sent again.
    let key = begun["objectKey"].as_str().unwrap();
    let mut meant = bytes.clone();
    meant[MIB * 5 + 1] = b'c';
    let checksum = json!(crc64nvme(&meant));
    complete(&world, &begun, checksum.clone())
        .await
        .refused(409, "checksum_mismatch");
    assert!(world.object(key).await.is_none());
    assert_eq!(world.open_uploads("alice").await.len(), 1);
    world.put_parts("alice", &begun, &meant, &[2]).await;
    let done = complete(&world, &begun, checksum.clone()).await.expect(201);
    assert_eq!(done["file"]["checksumCrc64nvme"], checksum);
    assert_eq!(world.object(key).await.as_deref(), Some(&*meant));
    // Repeated with and without the checksum.
    for again in [checksum, Value::Null] {
        let again = complete(&world, &begun, again).await.expect(200);
        assert_eq!(again["file"], done["file"]);
    }
    // Another checksum is wrong, but the upload was completed before, so the file stays.
    complete(&world, &begun, json!("rosUhgp5mIg="))
        .await
        .refused(409, "checksum_mismatch");
    assert_eq!(world.usage("alice").await, (1, meant.len() as u64));
}

/// A server that ignores the checksum completes the upload with any bytes.
#[tokio::test]
async fn what_s3_did_not_compare_is_compared_with_head() {
    for told in [true, false] {
        let world = World::new().await;
        let begun = world.uploaded("alice", b"hello").await;
        complete_by_hand(&world, &begun).await;
        if told {
            let reports = world.deliver_events(Events::Once).await;
            assert_eq!(reports[0]["recorded"], 1);
        }
        let wrong = json!(crc64nvme(b"hallo"));
        complete(&world, &begun, wrong.clone())
            .await
            .refused(409, "checksum_mismatch");
        assert!(world.is_empty().await);
        assert_eq!(world.usage("alice").await, (0, 0));
        let row = world.row(begun["id"].as_str().unwrap()).await.unwrap();
        assert_eq!(row["refused"], "checksum_mismatch");
        // Later calls and late events have the same result.
        for again in [wrong, Value::Null] {
            complete(&world, &begun, again)
                .await
                .refused(409, "checksum_mismatch");
        }
        world
            .save("alice", &begun)
            .await
            .refused(409, "checksum_mismatch");
        world.deliver_events(Events::Doubled).await;
        assert!(world.is_empty().await);
    }
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    complete_by_hand(&world, &begun).await;
    let right = json!(crc64nvme(b"hello"));
    complete(&world, &begun, right).await.expect(201);
}

/// The row of a completed upload may remain, because dropping it is not retried.
#[tokio::test]
async fn a_later_completion_with_another_checksum_leaves_the_file() {
    let world = World::new().await;
    let keep = "CREATE RULE kept AS ON DELETE TO multipart_uploads DO INSTEAD NOTHING";
    world.sql().await.batch_execute(keep).await.unwrap();
    let (right, wrong) = (json!(crc64nvme(b"hello")), json!(crc64nvme(b"hallo")));
    for (files, first) in [(1, right.clone()), (2, Value::Null)] {
        let begun = world.uploaded("alice", b"hello").await;
        let done = complete(&world, &begun, first).await.expect(201);
        assert_eq!(world.upload_rows().await.len(), files);
        let error = complete(&world, &begun, wrong.clone())
            .await
            .refused(409, "checksum_mismatch");
        assert!(error.contains("stays"), "{error}");
        let key = begun["objectKey"].as_str().unwrap();
        assert_eq!(world.object(key).await.as_deref(), Some(&b"hello"[..]));
        let again = complete(&world, &begun, right.clone()).await.expect(200);
        assert_eq!(again["file"], done["file"]);
        let files = files as u64;
        assert_eq!(world.usage("alice").await, (files, files * 5));
    }
}

/// With write-once uploads, an object that is under the key already is not made of these parts.
#[tokio::test]
async fn an_object_of_other_bytes_under_a_write_once_key_stays() {
    let world = World::with(&[("WRITE_ONCE", "true")]).await;
    let bytes = vec![b'a'; MIB * 5 + 3];
    let begun = world.begin("alice", bytes.len()).await;
    world.put_parts("alice", &begun, &bytes, &[1, 2]).await;
    let key = begun["objectKey"].as_str().unwrap();
    world.put_object(key, "text/plain", b"other bytes").await;
    complete(&world, &begun, json!(crc64nvme(&bytes)))
        .await
        .refused(409, "checksum_mismatch");
    assert_eq!(
        world.object(key).await.as_deref(),
        Some(&b"other bytes"[..])
    );
}
