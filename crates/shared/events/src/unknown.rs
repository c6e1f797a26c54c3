//! Logs events that are acknowledged without being understood, with the sender and kind that they
//! claim.
//!
//! Anyone may be able to send to the queue, so only short names of senders are logged, never
//! content.

use serde_json::Value;

/// Longer than any service's name.
const MOST: usize = 80;

/// The event that S3 sends when a notification is configured. It is expected, and not about an
/// object.
const TEST: &str = "s3:TestEvent";

/// Logs one line for an event or message that was not understood.
pub fn log(message_id: Option<&str>, payload: &Value) {
    let source = source(payload);
    if source == TEST {
        tracing::info!(messageId = message_id, source, "not an event of an object");
    } else {
        tracing::warn!(messageId = message_id, source, "not an event of an object");
    }
}

/// Logs one line for a message of SQS, by the record that brought it.
pub fn log_message(record: &Value) {
    let id = record.get("messageId").and_then(Value::as_str);
    let body = record.get("body").and_then(Value::as_str);
    match body.and_then(|body| serde_json::from_str(body).ok()) {
        Some(body) => log(id, &body),
        None => log(id, &Value::Null),
    }
}

/// The name that an event gives its sender and its kind, such as `aws:s3 ObjectTagging:Put`.
fn source(payload: &Value) -> String {
    let first = payload.pointer("/Records/0").unwrap_or(payload);
    let named = [
        // SNS around another event, as Lambda and SQS receive it.
        ("/Sns/Type", "/Sns/TopicArn"),
        ("/Type", "/TopicArn"),
        // Notifications of S3 and of compatible servers.
        ("/eventSource", "/eventName"),
        // EventBridge.
        ("/source", "/detail-type"),
        ("/EventSource", "/EventName"),
        ("/Event", ""),
    ];
    let text = |pointer: &str| first.pointer(pointer).and_then(Value::as_str);
    for (sender, kind) in named {
        if let Some(sender) = text(sender) {
            let kind = (!kind.is_empty()).then(|| text(kind)).flatten();
            return short(&[Some(sender), kind]);
        }
    }
    match payload {
        Value::Null => "not JSON".to_owned(),
        _ => "nothing that names a sender".to_owned(),
    }
}

fn short(parts: &[Option<&str>]) -> String {
    let text: Vec<&str> = parts.iter().copied().flatten().collect();
    let text = text.join(" ");
    let plain = text.chars().take(MOST).map(|c| match c {
        ' '..='~' => c,
        _ => '?',
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_named_by_its_sender() {
        let arn = "arn:aws:sns:us-east-1:1:t";
        for (event, expected) in [
            (
                json!({ "Service": "Amazon S3", "Event": TEST, "Bucket": "b" }),
                TEST,
            ),
            (
                json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectTagging:Put", "s3": {} }] }),
                "aws:s3 ObjectTagging:Put",
            ),
            (
                json!({ "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification" }),
                "aws.ec2 EC2 Instance State-change Notification",
            ),
            (
                json!({ "Type": "SubscriptionConfirmation", "TopicArn": arn, "Token": "secret" }),
                "SubscriptionConfirmation arn:aws:sns:us-east-1:1:t",
            ),
            (
                json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Type": "Notification", "TopicArn": arn } }] }),
                "Notification arn:aws:sns:us-east-1:1:t",
            ),
            (json!({ "eventSource": "a\nb\u{202e}" }), "a?b?"),
            (
                json!({ "key": "alice/secret name" }),
                "nothing that names a sender",
            ),
            (Value::Null, "not JSON"),
        ] {
            assert_eq!(source(&event), expected);
        }
        assert_eq!(source(&json!({ "source": "x".repeat(1000) })).len(), MOST);
    }
}
