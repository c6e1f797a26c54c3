//! A file's whole life: presign, PUT, save or event, list, read, delete.

use serde_json::json;
use slipway_emulators::lambda::InvocationResult;

use crate::stack::Stack;

const NAME: &str = "Übergröße 写真 (1)+%20'.jpg";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_listed_read_and_deleted() {
    let stack = Stack::start(&[]).await;
    let http = reqwest::Client::new();

    let ask = json!({ "fileName": NAME, "contentType": "image/jpeg" });
    let (status, presigned) = stack
        .call("presign", "alice", "POST", "/presign-upload", Some(ask))
        .await;
    assert_eq!(status, 200, "{presigned}");
    let url = presigned["presignedUrl"].as_str().expect("a URL");
    // Only Content-Type is sent, as in the tutorials.
    let put = http
        .put(url)
        .header("Content-Type", "image/jpeg")
        .body("bytes")
        .send()
        .await
        .expect("an answer");
    assert_eq!(put.status(), 200);

    let save = json!({ "objectKey": presigned["objectKey"], "publicFileUrl": "https://elsewhere" });
    let (status, saved) = stack
        .call(
            "save-metadata",
            "alice",
            "POST",
            "/save-metadata",
            Some(save.clone()),
        )
        .await;
    assert_eq!(
        (status, &saved["file"]["fileName"]),
        (201, &json!(NAME)),
        "{saved}"
    );
    assert_eq!(
        stack
            .call(
                "save-metadata",
                "alice",
                "POST",
                "/save-metadata",
                Some(save.clone())
            )
            .await
            .0,
        200
    );
    assert_eq!(
        stack
            .call("save-metadata", "bob", "POST", "/save-metadata", Some(save))
            .await
            .0,
        403
    );

    let (status, list) = stack
        .call("files", "alice", "GET", "/files?limit=10", None)
        .await;
    assert_eq!(
        (status, list["files"].as_array().map(Vec::len)),
        (200, Some(1)),
        "{list}"
    );
    let read = list["files"][0]["url"].as_str().expect("a URL");
    let bytes = http
        .get(read)
        .send()
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("bytes");
    assert_eq!(&bytes[..], b"bytes");
    assert_eq!(
        stack.call("files", "bob", "GET", "/files", None).await.1["files"],
        json!([])
    );
    let (_, usage) = stack.call("files", "alice", "GET", "/usage", None).await;
    assert_eq!(
        usage,
        json!({ "success": true, "files": 1, "bytes": 5, "pendingBytes": 0, "quotaBytes": null })
    );

    let path = format!("/files/{}", presigned["id"].as_str().expect("an id"));
    assert_eq!(
        stack.call("delete", "bob", "DELETE", &path, None).await.0,
        404
    );
    assert_eq!(
        stack.call("delete", "alice", "DELETE", &path, None).await.0,
        200
    );
    assert_eq!(
        stack.call("delete", "alice", "DELETE", &path, None).await.0,
        404
    );
    assert_eq!(
        stack.call("files", "alice", "GET", "/files", None).await.1["files"],
        json!([])
    );
    // The role of `files` may not list the bucket, so S3 does not reveal that the object is missing.
    assert_eq!(
        http.get(read).send().await.expect("an answer").status(),
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_recorded_by_its_event_alone() {
    let mut stack = Stack::start(&[("USER_QUOTA_BYTES", "1000")]).await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain", "size": 5 });
    let (status, presigned) = stack
        .call(
            "presign-quota",
            "alice",
            "POST",
            "/presign-upload",
            Some(ask),
        )
        .await;
    assert_eq!(status, 200, "{presigned}");
    let url = presigned["presignedUrl"].as_str().expect("a URL");
    let http = reqwest::Client::new();
    let put = http
        .put(url)
        .header("Content-Type", "text/plain")
        .body("bytes")
        .send()
        .await
        .expect("an answer");
    assert_eq!(put.status(), 200);
    let event = stack.events.recv().await.expect("an event");
    let outcome = stack
        .invoke("record-upload", &event.to_s3_notification())
        .await;
    let InvocationResult::Answered(report) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(report["recorded"], 1, "{report}");
    let (_, list) = stack.call("files", "alice", "GET", "/files", None).await;
    assert_eq!(list["files"][0]["id"], presigned["id"]);
    let too_much = json!({ "fileName": "b.txt", "contentType": "text/plain", "size": 996 });
    let (status, refused) = stack
        .call(
            "presign-quota",
            "alice",
            "POST",
            "/presign-upload",
            Some(too_much),
        )
        .await;
    assert_eq!((status, &refused["code"]), (413, &json!("quota_exceeded")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_uploaded_in_parts() {
    let mut stack = Stack::start(&[("WRITE_ONCE", "true")]).await;
    let http = reqwest::Client::new();
    let size = 3 * 5 * 1024 * 1024 + 1_usize;
    let bytes: Vec<u8> = (0..=252).cycle().take(size).collect();
    let ask = json!({ "fileName": NAME, "contentType": "video/mp4", "size": size, "partSize": 5 * 1024 * 1024 });
    let call = async |method: &str, path: &str, body| {
        stack.call("multipart", "alice", method, path, body).await
    };
    let (status, begun) = call("POST", "/multipart-uploads", Some(ask)).await;
    assert_eq!((status, &begun["partCount"]), (201, &json!(4)), "{begun}");
    let upload = format!(
        "/multipart-uploads/{}",
        begun["id"].as_str().expect("an id")
    );
    let complete = format!("{upload}/complete");
    let numbers = json!({ "partNumbers": [4, 2, 3, 1] });
    let (status, signed) = call("POST", &format!("{upload}/parts"), Some(numbers)).await;
    assert_eq!(status, 200, "{signed}");
    for (at, part) in signed["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .enumerate()
    {
        let number = part["partNumber"].as_u64().expect("a number");
        let number = usize::try_from(number).expect("small");
        let cut = bytes
            .chunks(5 * 1024 * 1024)
            .nth(number - 1)
            .expect("a part");
        let put = http
            .put(part["url"].as_str().expect("a URL"))
            .body(cut.to_vec());
        assert_eq!(put.send().await.expect("an answer").status(), 200);
        let (_, shown) = call("GET", &upload, None).await;
        assert_eq!(shown["parts"].as_array().map(Vec::len), Some(at + 1));
        if at < 3 {
            assert_eq!(call("POST", &complete, None).await.0, 409);
        }
    }
    let (status, done) = call("POST", &complete, None).await;
    assert_eq!(
        (status, &done["file"]["size"]),
        (201, &json!(size)),
        "{done}"
    );
    assert_eq!(call("POST", &complete, None).await, (200, done.clone()));
    let read = http.get(done["file"]["url"].as_str().expect("a URL"));
    let read = read.send().await.expect("an answer").bytes().await;
    assert!(read.expect("bytes") == bytes, "the bytes come back");
    let event = stack.events.recv().await.expect("an event");
    let event = event.to_s3_notification();
    assert_eq!(
        event["Records"][0]["eventName"],
        "ObjectCreated:CompleteMultipartUpload"
    );
    let InvocationResult::Answered(report) = stack.invoke("record-upload", &event).await else {
        panic!("no answer")
    };
    assert_eq!(report["unchanged"], 1, "{report}");
}
