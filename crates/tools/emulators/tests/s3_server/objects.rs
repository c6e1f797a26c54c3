//! Objects through the SDK, also after a restart of the server.

use slipway_emulators::s3::EventName;

use crate::stack::{BUCKET, Stack, refusal};

#[tokio::test]
async fn an_object_is_returned_as_it_was_uploaded() {
    let stack = Stack::start().await;
    let put = stack
        .sdk()
        .put_object()
        .bucket(BUCKET)
        .key("a/b c+ü.txt")
        .body(b"hello".to_vec().into());
    let put = put
        .content_type("text/plain; charset=utf-8")
        .cache_control("max-age=5")
        .metadata("name", "grüße");
    let put = put
        .content_disposition("inline")
        .content_language("de")
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));

    let stack = stack.restart().await;
    let get = stack
        .sdk()
        .get_object()
        .bucket(BUCKET)
        .key("a/b c+ü.txt")
        .send()
        .await
        .unwrap();
    assert_eq!(get.e_tag(), put.e_tag());
    assert_eq!(get.content_type(), Some("text/plain; charset=utf-8"));
    assert_eq!(get.cache_control(), Some("max-age=5"));
    assert_eq!(get.content_disposition(), Some("inline"));
    assert_eq!(get.content_language(), Some("de"));
    // `aws-chunked` only described the transfer.
    assert_eq!(get.content_encoding(), None);
    assert_eq!(get.content_length(), Some(5));
    assert_eq!(get.last_modified().unwrap().subsec_nanos(), 0);
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("a/b c+ü.txt")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.content_type(), get.content_type());
    assert_eq!(head.last_modified(), get.last_modified());
    assert_eq!(head.metadata(), get.metadata());
    assert!(head.metadata().unwrap().contains_key("name"));
    assert_eq!(get.body.collect().await.unwrap().to_vec(), b"hello");
}

#[tokio::test]
async fn an_overwrite_replaces_all_of_the_object() {
    let stack = Stack::start().await;
    let put = stack
        .sdk()
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .metadata("a", "1")
        .content_type("image/png");
    put.body(vec![1; 100_000].into()).send().await.unwrap();
    stack.put("k", b"").await;
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(0));
    // The SDK's default content type.
    assert_eq!(head.content_type(), Some("application/octet-stream"));
    assert_eq!(head.e_tag(), Some("\"d41d8cd98f00b204e9800998ecf8427e\""));
    assert!(
        head.metadata()
            .is_none_or(std::collections::HashMap::is_empty)
    );
    assert_eq!(stack.bytes("k").await.unwrap(), b"");
}

#[tokio::test]
async fn a_reader_keeps_the_object_it_began_with() {
    let stack = Stack::start().await;
    stack.put("k", &vec![1; 8 << 20]).await;
    let mut reading = stack
        .sdk()
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap()
        .body;
    let first = reading.try_next().await.unwrap().unwrap();
    stack.put("k", &vec![2; 8 << 20]).await;
    stack
        .sdk()
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    let rest = reading.collect().await.unwrap().to_vec();
    assert_eq!(first.len() + rest.len(), 8 << 20);
    assert!(rest.iter().all(|byte| *byte == 1));
}

#[tokio::test]
async fn keys_may_be_long_and_strange() {
    let stack = Stack::start().await;
    let keys = [
        "x".repeat(1024),
        "ü/".repeat(300),
        "..".into(),
        "a//b".into(),
        "a/".into(),
        "%2F&?#;=~*'()<>".into(),
    ];
    for key in &keys {
        stack.put(key, key.as_bytes()).await;
    }
    let stack = stack.restart().await;
    for key in &keys {
        assert_eq!(
            stack.bytes(key).await.as_deref(),
            Some(key.as_bytes()),
            "{key}"
        );
    }
    let long = stack
        .sdk()
        .put_object()
        .bucket(BUCKET)
        .key("x".repeat(1025))
        .send()
        .await;
    assert_eq!(refusal(long), (400, "KeyTooLongError".into()));
}

#[tokio::test]
async fn a_missing_object_is_404_and_may_be_deleted() {
    let stack = Stack::start().await;
    let get = stack
        .sdk()
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await;
    assert_eq!(refusal(get), (404, "NoSuchKey".into()));
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
    let url = stack.url("DELETE", "k").sign();
    assert_eq!(stack.http.delete(url).send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    use aws_sdk_s3::types::{Delete, ObjectIdentifier};
    let stack = Stack::start().await;
    stack.put("a", b"1").await;
    stack.put("c", b"1").await;
    let named = |keys: Vec<String>| {
        let objects = keys
            .into_iter()
            .map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
        Delete::builder()
            .set_objects(Some(objects.collect()))
            .build()
            .unwrap()
    };
    let delete = stack
        .sdk()
        .delete_objects()
        .bucket(BUCKET)
        .delete(named(vec!["a".into(), "b".into()]));
    let deleted = delete.send().await.unwrap();
    assert!(deleted.errors().is_empty());
    // S3 reports the missing key as deleted.
    assert_eq!(
        deleted
            .deleted()
            .iter()
            .filter_map(|d| d.key())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(stack.bytes("a").await, None);
    assert!(stack.bytes("c").await.is_some());
    let too_many = named((0..1001).map(|n| n.to_string()).collect());
    let refused = stack
        .sdk()
        .delete_objects()
        .bucket(BUCKET)
        .delete(too_many)
        .send()
        .await;
    assert_eq!(refusal(refused), (400, "MalformedXML".into()));
}

#[tokio::test]
async fn a_copy_keeps_or_replaces_the_description() {
    use aws_sdk_s3::types::MetadataDirective;
    let stack = Stack::start().await;
    let put = stack
        .sdk()
        .put_object()
        .bucket(BUCKET)
        .key("a b")
        .metadata("name", "x")
        .content_type("text/css");
    put.body(b"body".to_vec().into()).send().await.unwrap();
    let copy = stack
        .sdk()
        .copy_object()
        .bucket(BUCKET)
        .key("c")
        .copy_source(format!("{BUCKET}/a%20b"));
    copy.send().await.unwrap();
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("c")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("text/css"));
    assert_eq!(head.metadata().unwrap()["name"], "x");
    assert_eq!(stack.bytes("c").await.unwrap(), b"body");
    let itself = stack
        .sdk()
        .copy_object()
        .bucket(BUCKET)
        .key("c")
        .copy_source(format!("{BUCKET}/c"));
    assert_eq!(
        refusal(itself.clone().send().await),
        (400, "InvalidRequest".into())
    );
    itself
        .metadata_directive(MetadataDirective::Replace)
        .metadata("name", "y")
        .send()
        .await
        .unwrap();
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("c")
        .send()
        .await
        .unwrap();
    assert_eq!(head.metadata().unwrap()["name"], "y");
    let missing = stack
        .sdk()
        .copy_object()
        .bucket(BUCKET)
        .key("d")
        .copy_source(format!("{BUCKET}/none"));
    assert_eq!(refusal(missing.send().await), (404, "NoSuchKey".into()));
}

#[tokio::test]
async fn there_is_one_bucket() {
    let stack = Stack::start().await;
    let sdk = stack.sdk();
    sdk.head_bucket().bucket(BUCKET).send().await.unwrap();
    sdk.create_bucket().bucket(BUCKET).send().await.unwrap();
    let location = sdk
        .get_bucket_location()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap();
    assert_eq!(
        location.location_constraint().unwrap().as_str(),
        crate::stack::REGION
    );
    let other = sdk.head_bucket().bucket("another").send().await;
    assert!(other.unwrap_err().into_service_error().is_not_found());
    let get = sdk.get_object().bucket("another").key("k").send().await;
    assert_eq!(refusal(get), (404, "NoSuchBucket".into()));
    let put = sdk.put_object().bucket("another").key("k").send().await;
    assert_eq!(refusal(put), (404, "NoSuchBucket".into()));
}

#[tokio::test]
async fn every_change_sends_an_event_in_order() {
    let mut stack = Stack::start().await;
    stack.put("a b/ü+1", b"12345").await;
    let copy = stack
        .sdk()
        .copy_object()
        .bucket(BUCKET)
        .key("c")
        .copy_source(format!("{BUCKET}/a%20b/%C3%BC%2B1"));
    copy.send().await.unwrap();
    stack
        .sdk()
        .delete_object()
        .bucket(BUCKET)
        .key("c")
        .send()
        .await
        .unwrap();
    // This request changes nothing.
    stack
        .sdk()
        .delete_object()
        .bucket(BUCKET)
        .key("c")
        .send()
        .await
        .unwrap();

    let put = stack.events.try_recv().unwrap();
    assert_eq!(
        (put.name, put.key.as_str(), put.size),
        (EventName::Put, "a b/ü+1", 5)
    );
    assert_eq!(put.etag, "827ccb0eea8a706c4c34a16891f84e7b");
    let copied = stack.events.try_recv().unwrap();
    assert_eq!((copied.name, copied.key.as_str()), (EventName::Copy, "c"));
    let deleted = stack.events.try_recv().unwrap();
    assert_eq!(
        (deleted.name, deleted.key.as_str()),
        (EventName::Delete, "c")
    );
    assert!(put.sequencer < copied.sequencer && copied.sequencer < deleted.sequencer);
    assert!(stack.events.try_recv().is_err());

    let notification = put.to_s3_notification();
    let record = &notification["Records"][0];
    assert_eq!(record["eventVersion"], "2.1");
    assert_eq!(record["eventSource"], "aws:s3");
    assert_eq!(record["awsRegion"], crate::stack::REGION);
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(
        record["eventTime"].as_str().unwrap().len(),
        "2026-01-02T03:04:05.678Z".len()
    );
    assert_eq!(record["s3"]["bucket"]["name"], BUCKET);
    assert_eq!(
        record["s3"]["bucket"]["arn"],
        format!("arn:aws:s3:::{BUCKET}")
    );
    assert_eq!(record["s3"]["object"]["key"], "a+b/%C3%BC%2B1");
    assert_eq!(record["s3"]["object"]["size"], 5);
    assert_eq!(record["s3"]["object"]["eTag"], put.etag);
    let removed = deleted.to_s3_notification();
    assert_eq!(removed["Records"][0]["eventName"], "ObjectRemoved:Delete");
    assert!(removed["Records"][0]["s3"]["object"].get("size").is_none());
}
