//! `/multipart-uploads`: a large file is uploaded in parts.

use futures_util::stream::{self, StreamExt as _};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::shape::shape;
use crate::world::{Events, MIB, World, failed, put_part, without_url};

const NAME: &str = "Übergröße 写真 (1)+%20'.bin";

/// Two full parts and a short one.
fn large() -> Vec<u8> {
    (0..10 * MIB + 7)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect()
}

#[tokio::test]
async fn a_file_is_uploaded_in_parts() {
    let world = World::new().await;
    let bytes = large();
    let ask = json!({
        "fileName": NAME, "contentType": "video/mp4; a=b",
        "size": bytes.len(), "partSize": 5 * MIB, "checksumSha256": null,
    });
    let begun = world
        .post("alice", "/multipart-uploads", ask)
        .await
        .expect(201);
    assert_json_snapshot!(shape(&begun), @r#"
    {
      "id": "[id]",
      "objectKey": "alice/[id]/bergr-e-1-20.bin",
      "partCount": 3,
      "partSize": 5242880,
      "publicFileUrl": "http://s3/slipway-local/alice/[id]/bergr-e-1-20.bin",
      "success": true
    }
    "#);
    // In any order, and one of them twice.
    world.put_parts("alice", &begun, &bytes, &[3, 1, 3]).await;
    let shown = world.about("alice", "GET", &begun, "").await.expect(200);
    assert_json_snapshot!(shape(&shown), @r#"
    {
      "contentType": "video/mp4; a=b",
      "createdAt": "[time]",
      "fileName": "Übergröße 写真 (1)+%20'.bin",
      "id": "[id]",
      "partCount": 3,
      "partSize": 5242880,
      "parts": [
        {
          "etag": "4c28640dc8df1933aaea192100d50ae0",
          "partNumber": 1,
          "size": 5242880
        },
        {
          "etag": "ffce33c3abebafd89931ab97b9c46b9b",
          "partNumber": 3,
          "size": 7
        }
      ],
      "size": 10485767,
      "success": true
    }
    "#);
    let missing = world.complete("alice", &begun).await;
    assert_json_snapshot!(missing.json, @r#"
    {
      "code": "parts_missing",
      "error": "These parts are not there, or not as long as they must be: 2. Upload them, then complete again.",
      "success": false
    }
    "#);
    missing.refused(409, "parts_missing");
    // The upload does not count yet, and there is no file to delete.
    assert_eq!(world.usage("alice").await, (0, 0));
    let id = begun["id"].as_str().unwrap();
    world.delete("alice", id).await.refused(404, "not_found");
    assert_eq!(world.open_uploads("alice").await, [id]);

    world.put_parts("alice", &begun, &bytes, &[2]).await;
    let done = world.complete("alice", &begun).await.expect(201);
    let file = &done["file"];
    assert_eq!(file["id"], begun["id"]);
    assert_eq!(file["objectKey"], begun["objectKey"]);
    assert_eq!(file["fileName"], NAME);
    assert_eq!(file["contentType"], "video/mp4; a=b");
    assert_eq!(file["size"], bytes.len());
    assert_eq!(file["checksumSha256"], Value::Null);
    assert!(file["etag"].as_str().unwrap().ends_with("-3"), "{file}");
    let read = world.read(&file["url"]).await.bytes().await.unwrap();
    assert!(read == bytes, "the bytes are those of the parts");
    for _ in 0..2 {
        assert_eq!(world.complete("alice", &begun).await.expect(200), done);
    }
    let size = u64::try_from(bytes.len()).unwrap();
    assert_eq!(world.usage("alice").await, (1, size));
    let listed = world.list("alice").await;
    let listed: Vec<_> = listed.iter().map(without_url).collect();
    assert_eq!(listed, [without_url(file)]);
    assert!(world.open_uploads("alice").await.is_empty());
    assert!(world.upload_rows().await.is_empty());
    for (method, of) in [("GET", ""), ("POST", "parts"), ("DELETE", "")] {
        let answer = world.about("alice", method, &begun, of).await;
        answer.refused(404, "not_found");
    }
    // The event arrives last, and changes nothing.
    let reports = world.deliver_events(Events::Doubled).await;
    assert_eq!(reports[0]["unchanged"], 1);
    // Deleted as any other file.
    world.delete("alice", id).await.expect(200);
    world
        .complete("alice", &begun)
        .await
        .refused(410, "file_deleted");
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_url_is_good_for_its_part_alone() {
    let world = World::new().await;
    let begun = world.begin("alice", 5 * MIB + 3).await;
    let signed = world.sign("alice", &begun, &[2, 1, 2]).await;
    assert_json_snapshot!(shape(&signed[0]), @r#"
    {
      "headers": {},
      "partNumber": 2,
      "size": 3,
      "url": "http://s3/slipway-local/alice/[id]/a.bin?x-id=UploadPart&partNumber=2&uploadId=[…]&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=[…]&X-Amz-Date=[…]&X-Amz-Expires=300&X-Amz-SignedHeaders=content-length%3Bhost&X-Amz-Signature=[…]"
    }
    "#);
    assert_eq!(signed.len(), 2);
    assert_eq!(signed[1]["size"], 5 * MIB);
    let url = signed[0]["url"].as_str().unwrap();
    // Neither shorter nor longer, nor as another part.
    for bytes in [&b"12"[..], b"1234", b""] {
        let refused = failed(put_part(&signed[0], bytes).await).await;
        assert_eq!(
            refused,
            (403, "SignatureDoesNotMatch".to_owned()),
            "{bytes:?}"
        );
    }
    let other = json!({ "url": url.replace("partNumber=2", "partNumber=1"), "headers": {} });
    let refused = failed(put_part(&other, b"123").await).await;
    assert_eq!(refused, (403, "SignatureDoesNotMatch".to_owned()));
    assert_eq!(put_part(&signed[0], b"123").await.status(), 200);
    // Uploaded again: the last one counts.
    assert_eq!(put_part(&signed[0], b"456").await.status(), 200);
    let shown = world.about("alice", "GET", &begun, "").await.expect(200);
    assert_eq!(shown["parts"].as_array().unwrap().len(), 1);
    assert_eq!(
        shown["parts"][0]["etag"],
        "250cf8b51c773f3f8dc8b4be867a9a02"
    );
}

#[tokio::test]
async fn a_list_continues_after_its_page() {
    let world = World::new().await;
    let mut begun = Vec::new();
    for _ in 0..5 {
        begun.push(
            world.begin("alice", 1).await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    world.begin("bob", 1).await;
    begun.reverse();
    assert_eq!(world.open_uploads("alice").await, begun);
    let (mut found, mut target) = (Vec::new(), "/multipart-uploads?limit=2".to_owned());
    let mut pages = 0;
    loop {
        let page = world.get("alice", &target).await.expect(200);
        pages += 1;
        for upload in page["uploads"].as_array().unwrap() {
            found.push(upload["id"].as_str().unwrap().to_owned());
        }
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        target = format!("/multipart-uploads?limit=2&cursor={cursor}");
    }
    assert_eq!((found, pages), (begun, 3));
    for bad in [
        "limit=0",
        "limit=1001",
        "limit=+1",
        "limit=a",
        "limit=1&limit=1",
        "cursor=a",
    ] {
        let answer = world
            .get("alice", &format!("/multipart-uploads?{bad}"))
            .await;
        answer.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn all_pages_of_parts_are_shown() {
    let world = World::new().await;
    let begun = world.begin("alice", 1010 * 5 * MIB).await;
    assert_eq!(begun["partCount"], 1010);
    let upload_id = &world.s3_id(&begun).await;
    // Too short to complete, and so quick to send.
    let sent = (1..=1005).map(|number| world.part_by_hand(&begun, upload_id, number, b"x"));
    stream::iter(sent).buffer_unordered(8).collect::<()>().await;
    let shown = world.about("alice", "GET", &begun, "").await.expect(200);
    let parts = shown["parts"].as_array().unwrap();
    let numbers: Vec<_> = parts
        .iter()
        .map(|part| part["partNumber"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=1005).collect::<Vec<_>>());
    let answer = world.complete("alice", &begun).await;
    let sentence = answer.refused(409, "parts_missing");
    assert!(sentence.contains(": 1-1010."), "{sentence}");
    // A thousand parts are signed in one request.
    let numbers: Vec<u16> = (11..=1010).collect();
    assert_eq!(world.sign("alice", &begun, &numbers).await.len(), 1000);
}
