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
mod tests;
