//! What arrives: S3 notifications and EventBridge events, plain or inside SQS messages.
//!
//! An event of S3 only says "look at this key": nothing else that it claims is read. A scanner's is believed
//! in what it found, since nobody else can be asked.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use slipway_core::ScanStatus;

/// One invocation's payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A batch whose messages fail one by one.
    Sqs(Vec<Message>),
    /// Anything delivered directly: it fails or succeeds as a whole.
    Direct(Vec<Notice>),
}

/// An SQS message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) notices: Vec<Notice>,
}

/// What one record says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Notice {
    /// Something happened to an object.
    Object { bucket: String, key: String },
    /// A malware scanner has looked at an object.
    Scan {
        bucket: String,
        key: String,
        etag: String,
        status: ScanStatus,
    },
    /// S3 tried the connection, or something that is none of our business happened.
    Unknown,
}

impl Event {
    pub(crate) fn parse(payload: &Value) -> Self {
        let records = records(payload);
        if records
            .iter()
            .any(|record| text(record, "/eventSource") == Some("aws:sqs"))
        {
            return Self::Sqs(records.iter().map(message).collect());
        }
        Self::Direct(notices(payload))
    }
}

fn message(record: &Value) -> Message {
    let body = text(record, "/body").and_then(|body| serde_json::from_str(body).ok());
    Message {
        id: text(record, "/messageId").unwrap_or_default().to_owned(),
        // A body that is not JSON will be none the next time either: it is counted, not retried.
        notices: body.map_or_else(|| vec![Notice::Unknown], |body| notices(&body)),
    }
}

fn notices(payload: &Value) -> Vec<Notice> {
    let records = records(payload);
    if records.is_empty() {
        let notice = from_eventbridge(payload).or_else(|| from_guardduty(payload));
        return vec![notice.unwrap_or(Notice::Unknown)];
    }
    records
        .iter()
        .map(|record| from_s3(record).unwrap_or(Notice::Unknown))
        .collect()
}

fn from_s3(record: &Value) -> Option<Notice> {
    let name = text(record, "/eventName")?;
    let ours = ["ObjectCreated:", "ObjectRemoved:", "LifecycleExpiration:"];
    if text(record, "/eventSource") != Some("aws:s3")
        || !ours.iter().any(|kind| name.starts_with(kind))
    {
        return None;
    }
    Some(Notice::Object {
        bucket: text(record, "/s3/bucket/name")?.to_owned(),
        key: form_decoded(text(record, "/s3/object/key")?)?,
    })
}

fn from_eventbridge(event: &Value) -> Option<Notice> {
    let known = matches!(
        text(event, "/detail-type"),
        Some("Object Created" | "Object Deleted")
    );
    if text(event, "/source") != Some("aws.s3") || !known {
        return None;
    }
    Some(Notice::Object {
        bucket: text(event, "/detail/bucket/name")?.to_owned(),
        // Unlike in S3's own notifications, the key is as it is.
        key: text(event, "/detail/object/key")?.to_owned(),
    })
}

/// What `GuardDuty` Malware Protection for S3 tells; here the key is as it is, too.
fn from_guardduty(event: &Value) -> Option<Notice> {
    if text(event, "/source") != Some("aws.guardduty")
        || text(event, "/detail-type") != Some("GuardDuty Malware Protection Object Scan Result")
    {
        return None;
    }
    let object = event.pointer("/detail/s3ObjectDetails")?;
    Some(Notice::Scan {
        bucket: text(object, "/bucketName")?.to_owned(),
        key: text(object, "/objectKey")?.to_owned(),
        // No object has an ETag with a NUL, and Postgres cannot look for one.
        etag: text(object, "/eTag")
            .filter(|etag| !etag.contains('\0'))?
            .trim_matches('"')
            .to_owned(),
        status: scan_status(
            text(event, "/detail/scanStatus"),
            text(event, "/detail/scanResultDetails/scanResultStatus"),
        ),
    })
}

/// Only a scan that came to its end opens a file. Whatever says neither this nor that keeps it closed.
fn scan_status(scan: Option<&str>, result: Option<&str>) -> ScanStatus {
    match (scan, result) {
        (_, Some("THREATS_FOUND")) => ScanStatus::Threats,
        (Some("COMPLETED"), Some("NO_THREATS_FOUND")) => ScanStatus::NoThreats,
        (Some("SKIPPED"), Some("UNSUPPORTED") | None) => ScanStatus::Unsupported,
        _ => ScanStatus::Failed,
    }
}

/// S3's own notifications carry keys form-encoded: a space is a plus.
fn form_decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

fn records(payload: &Value) -> &[Value] {
    payload
        .get("Records")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
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
                    notices: vec![object("k")]
                },
                Message {
                    id: "2".to_owned(),
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
}
