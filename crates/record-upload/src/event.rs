//! What arrives: S3 notifications and EventBridge events, plain or inside SQS messages.
//!
//! An event only says "look at this key". Nothing else that it claims is read.

use percent_encoding::percent_decode_str;
use serde_json::Value;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Something happened to an object.
    Object { bucket: String, key: String },
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
        return vec![from_eventbridge(payload).unwrap_or(Notice::Unknown)];
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

    proptest! {
        #[test]
        fn form_decoding_undoes_form_encoding(key in "\\PC{1,60}") {
            let encoded: String = key.bytes().map(|b| if b == b' ' { "+".to_owned() } else { format!("%{b:02X}") }).collect();
            prop_assert_eq!(form_decoded(&encoded), Some(key));
        }
    }
}
