//! Parses payloads: S3 notifications and EventBridge events, plain, from an SNS topic, or inside
//! SQS messages.
//!
//! SNS wraps a notification as a string: in `Sns.Message` of a record for Lambda, in `Message` of a
//! body for SQS (unless the subscription has raw delivery). `MinIO` and `RustFS` send notifications
//! in S3's format with their own source.
//!
//! An event of S3 only names a key to check: its other fields are ignored. The result in a
//! scanner's event is trusted, because no other source has it.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use slipway_core::ScanStatus;

/// One invocation's payload.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A batch whose messages fail one by one.
    Sqs(Vec<Message>),
    /// A direct delivery: it fails or succeeds as a whole.
    Direct(Vec<Notice>),
}

/// An SQS message.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// The id under which its failure is reported.
    pub id: String,
    /// How often SQS has delivered it, this time included.
    pub deliveries: u32,
    /// What it names.
    pub notices: Vec<Notice>,
}

/// The content of one record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// An object was created, removed or expired.
    Object {
        /// The bucket.
        bucket: String,
        /// The key, decoded.
        key: String,
    },
    /// A malware scanner has scanned an object.
    Scan {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The `ETag` of the scanned bytes.
        etag: String,
        /// The result.
        status: ScanStatus,
    },
    /// A test event of S3, or an event that is not about an object.
    Unknown,
}

impl Event {
    /// Reads a payload. What it does not understand becomes [`Notice::Unknown`].
    #[must_use]
    pub fn parse(payload: &Value) -> Self {
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
    let notices = match embedded(record, "/body") {
        Some(body) if is_sns(&body) => published(&body, "/Message"),
        Some(body) => notices(&body),
        None => vec![Notice::Unknown],
    };
    Message {
        id: text(record, "/messageId").unwrap_or_default().to_owned(),
        deliveries: text(record, "/attributes/ApproximateReceiveCount")
            .and_then(|count| count.parse().ok())
            .unwrap_or(1),
        notices,
    }
}

fn notices(payload: &Value) -> Vec<Notice> {
    let records = records(payload);
    if records.is_empty() {
        let notice = from_eventbridge(payload).or_else(|| from_guardduty(payload));
        return vec![notice.unwrap_or(Notice::Unknown)];
    }
    let of_record = |record: &Value| {
        // Among the event sources of Lambda, only SNS capitalises this name.
        if text(record, "/EventSource") == Some("aws:sns") {
            return published(record, "/Sns/Message");
        }
        vec![from_s3(record).unwrap_or(Notice::Unknown)]
    };
    records.iter().flat_map(of_record).collect()
}

/// Returns `true` if the body of an SQS message is a notification that SNS has wrapped.
fn is_sns(body: &Value) -> bool {
    text(body, "/Type") == Some("Notification") && text(body, "/TopicArn").is_some()
}

/// The notices in a message that was published to a topic.
fn published(wrapper: &Value, pointer: &str) -> Vec<Notice> {
    embedded(wrapper, pointer).map_or_else(|| vec![Notice::Unknown], |payload| notices(&payload))
}

/// JSON in a string. Text that is not JSON will not be JSON at the next delivery either, so it is
/// counted and not retried.
fn embedded(value: &Value, pointer: &str) -> Option<Value> {
    serde_json::from_str(text(value, pointer)?).ok()
}

/// The sources of notifications in S3's format, with form-encoded keys.
const SOURCES: [&str; 3] = ["aws:s3", "minio:s3", "rustfs:s3"];

fn from_s3(record: &Value) -> Option<Notice> {
    let name = text(record, "/eventName")?;
    // S3 omits the prefix, other servers do not.
    let name = name.strip_prefix("s3:").unwrap_or(name);
    let ours = ["ObjectCreated:", "ObjectRemoved:", "LifecycleExpiration:"];
    if !SOURCES.contains(&text(record, "/eventSource")?)
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
        // Unlike in S3's own notifications, the key is not encoded.
        key: text(event, "/detail/object/key")?.to_owned(),
    })
}

/// A result of `GuardDuty` Malware Protection for S3. The key is not encoded here either.
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
        // No object has an ETag with a NUL, and Postgres cannot query for one.
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

/// Only a completed scan makes a file readable. Any unknown result keeps it unreadable.
fn scan_status(scan: Option<&str>, result: Option<&str>) -> ScanStatus {
    match (scan, result) {
        (_, Some("THREATS_FOUND")) => ScanStatus::Threats,
        (Some("COMPLETED"), Some("NO_THREATS_FOUND")) => ScanStatus::NoThreats,
        (Some("SKIPPED"), Some("UNSUPPORTED") | None) => ScanStatus::Unsupported,
        _ => ScanStatus::Failed,
    }
}

/// Notifications carry keys form-encoded: a space is a plus. `MinIO` encodes slashes as well.
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
}
