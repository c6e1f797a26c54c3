//! Tests of the parser with events as AWS sends them.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn object(key: &str) -> Notice {
    Notice::Object {
        bucket: "b".to_owned(),
        key: key.to_owned(),
    }
}

fn s3(name: &str, key: &str) -> Value {
    json!({ "Records": [{ "eventSource": "aws:s3", "eventName": name,
        "s3": { "bucket": { "name": "b" }, "object": { "key": key } } }] })
}

#[test]
fn keys_are_form_encoded_in_notifications_and_plain_in_eventbridge() {
    assert_eq!(
        Event::parse(&s3("ObjectCreated:Put", "a%40b/x+y%2B")),
        Event::Direct(vec![object("a@b/x y+")])
    );
    let event = json!({ "source": "aws.s3", "detail-type": "Object Created",
        "detail": { "bucket": { "name": "b" }, "object": { "key": "a%40b/x+y" } } });
    assert_eq!(
        Event::parse(&event),
        Event::Direct(vec![object("a%40b/x+y")])
    );
}

#[test]
fn minio_names_itself_and_encodes_slashes() {
    for source in ["minio:s3", "rustfs:s3"] {
        let event = json!({ "EventName": "s3:ObjectCreated:Put", "Key": "b/a@b/x y", "Records": [
            { "eventSource": source, "eventName": "s3:ObjectCreated:Put",
                "s3": { "bucket": { "name": "b" }, "object": { "key": "a%40b%2Fx+y%2B" } } },
        ] });
        assert_eq!(
            Event::parse(&event),
            Event::Direct(vec![object("a@b/x y+")])
        );
    }
}

/// As SNS delivers to Lambda.
fn sns(message: &Value) -> Value {
    json!({ "EventSource": "aws:sns", "EventVersion": "1.0",
        "Sns": { "Type": "Notification", "Message": message } })
}

#[test]
fn notifications_are_taken_out_of_sns() {
    let mut two = s3("ObjectCreated:Put", "k");
    two["Records"]
        .as_array_mut()
        .unwrap()
        .extend(records(&s3("ObjectRemoved:Delete", "l")).iter().cloned());
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" });
    let bridge = json!({ "source": "aws.s3", "detail-type": "Object Created",
        "detail": { "bucket": { "name": "b" }, "object": { "key": "m" } } });
    let string = |value: &Value| Value::String(value.to_string());
    let event = json!({ "Records": [
        sns(&string(&two)), sns(&string(&test)), sns(&string(&bridge)), sns(&json!("not JSON")), sns(&Value::Null),
    ] });
    let unknown = || Notice::Unknown;
    assert_eq!(
        Event::parse(&event),
        Event::Direct(vec![
            object("k"),
            object("l"),
            unknown(),
            object("m"),
            unknown(),
            unknown()
        ])
    );
    // In a queue without raw delivery. A subscription confirmation is not a notification.
    let body = |kind: &str| {
        json!({ "Type": kind, "MessageId": "m", "TopicArn": "arn:aws:sns:us-east-1:1:t",
            "Message": two.to_string(), "Timestamp": "2023-06-30T03:34:25.518Z" })
    };
    let batch = json!({ "Records": [
        { "eventSource": "aws:sqs", "messageId": "1", "body": body("Notification").to_string() },
        { "eventSource": "aws:sqs", "messageId": "2", "body": body("UnsubscribeConfirmation").to_string() },
    ] });
    let message = |id: &str, notices| Message {
        id: id.to_owned(),
        deliveries: 1,
        notices,
    };
    assert_eq!(
        Event::parse(&batch),
        Event::Sqs(vec![
            message("1", vec![object("k"), object("l")]),
            message("2", vec![unknown()]),
        ])
    );
}

#[test]
fn messages_keep_their_ids_and_poison_is_not_retried() {
    let body = s3("ObjectCreated:Put", "k").to_string();
    let batch = json!({ "Records": [
        { "eventSource": "aws:sqs", "messageId": "1", "body": body },
        { "eventSource": "aws:sqs", "messageId": "2", "body": "not JSON" },
    ] });
    assert_eq!(
        Event::parse(&batch),
        Event::Sqs(vec![
            Message {
                id: "1".to_owned(),
                deliveries: 1,
                notices: vec![object("k")]
            },
            Message {
                id: "2".to_owned(),
                deliveries: 1,
                notices: vec![Notice::Unknown]
            },
        ])
    );
}

#[test]
fn what_is_none_of_our_business_is_unknown() {
    for event in [
        json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" }),
        s3("ObjectTagging:Put", "k"),
        s3("ObjectCreated:Put", "%FF"),
        s3("s3:ObjectAccessed:Get", "k"),
        json!({ "Records": [{ "eventSource": "other:s3", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "b" }, "object": { "key": "k" } } }] }),
        json!({ "source": "aws.ec2", "detail-type": "Object Created" }),
        json!({ "Records": [{}] }),
        json!([]),
        Value::Null,
    ] {
        assert_eq!(
            Event::parse(&event),
            Event::Direct(vec![Notice::Unknown]),
            "{event}"
        );
    }
}

fn guardduty(detail: &Value) -> Value {
    json!({ "source": "aws.guardduty", "detail": detail,
        "detail-type": "GuardDuty Malware Protection Object Scan Result" })
}

#[test]
fn a_scan_tells_key_etag_and_what_it_found() {
    use ScanStatus::{Failed, NoThreats, Threats, Unsupported};
    for (scan, result, expected) in [
        (json!("COMPLETED"), json!("NO_THREATS_FOUND"), NoThreats),
        (json!("COMPLETED"), json!("THREATS_FOUND"), Threats),
        (json!("SKIPPED"), json!("THREATS_FOUND"), Threats),
        (json!("SKIPPED"), json!("UNSUPPORTED"), Unsupported),
        (json!("SKIPPED"), Value::Null, Unsupported),
        (json!("SKIPPED"), json!("NO_THREATS_FOUND"), Failed),
        (json!("FAILED"), json!("NO_THREATS_FOUND"), Failed),
        (json!("FAILED"), json!("ACCESS_DENIED"), Failed),
        (json!("FAILED"), json!("FAILED"), Failed),
        (json!("COMPLETED"), Value::Null, Failed),
        (json!("COMPLETED"), json!("no_threats_found"), Failed),
        (Value::Null, json!("NO_THREATS_FOUND"), Failed),
    ] {
        let event = guardduty(&json!({ "scanStatus": scan,
            "s3ObjectDetails": { "bucketName": "b", "objectKey": "a%40b/x+y", "eTag": "\"e\"" },
            "scanResultDetails": { "scanResultStatus": result } }));
        let notice = Notice::Scan {
            bucket: "b".to_owned(),
            key: "a%40b/x+y".to_owned(),
            etag: "e".to_owned(),
            status: expected,
        };
        assert_eq!(Event::parse(&event), Event::Direct(vec![notice]), "{event}");
    }
    for event in [
        guardduty(&json!({ "s3ObjectDetails": { "bucketName": "b", "objectKey": "k" } })),
        guardduty(&Value::Null),
        json!({ "source": "aws.guardduty", "detail-type": "GuardDuty Finding", "detail": {} }),
    ] {
        assert_eq!(
            Event::parse(&event),
            Event::Direct(vec![Notice::Unknown]),
            "{event}"
        );
    }
}

proptest! {
    #[test]
    fn form_decoding_undoes_form_encoding(key in "\\PC{1,60}") {
        let encoded: String = key.bytes().map(|b| if b == b' ' { "+".to_owned() } else { format!("%{b:02X}") }).collect();
        prop_assert_eq!(form_decoded(&encoded), Some(key));
    }
}
