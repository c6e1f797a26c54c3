//! Events about objects, in S3's format.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The types of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventName {
    /// A PUT stored an object.
    Put,
    /// A multipart upload became an object.
    CompleteMultipartUpload,
    /// An object was copied to this key.
    Copy,
    /// An object was deleted.
    Delete,
}

impl EventName {
    /// The name in a notification, such as `ObjectCreated:Put`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Self::Copy => "ObjectCreated:Copy",
            Self::Delete => "ObjectRemoved:Delete",
        }
    }
}

/// A change. It is sent once every reader can see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// The type.
    pub name: EventName,
    /// The bucket.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The object's key, not encoded.
    pub key: String,
    /// The size of the new or deleted object.
    pub size: u64,
    /// The `ETag` of the new or deleted object, without quotes.
    pub etag: String,
    /// The time of the change.
    pub time: OffsetDateTime,
    /// A number that grows with every change, so that two events can be ordered.
    pub sequencer: u64,
}

impl ObjectEvent {
    /// The body of an S3 event notification with this one record.
    #[must_use]
    pub fn to_s3_notification(&self) -> Value {
        let mut object = json!({
            "key": form_encode(&self.key),
            "sequencer": format!("{:016X}", self.sequencer),
        });
        // S3 does not describe a deleted object.
        if self.name != EventName::Delete {
            object["size"] = self.size.into();
            object["eTag"] = self.etag.as_str().into();
        }
        json!({"Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": milliseconds(self.time),
            "eventName": self.name.as_str(),
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "slipway",
                "bucket": {"name": self.bucket, "arn": format!("arn:aws:s3:::{}", self.bucket)},
                "object": object,
            },
        }]})
    }
}

impl ObjectEvent {
    /// The same as an event of `EventBridge`. Its key is not encoded, and its time has no fraction.
    #[must_use]
    pub fn to_eventbridge(&self) -> Value {
        let is_deleted = self.name == EventName::Delete;
        let time = self.time.replace_nanosecond(0).unwrap_or(self.time);
        let mut object =
            json!({ "key": self.key, "sequencer": format!("{:016X}", self.sequencer) });
        if !is_deleted {
            object["size"] = self.size.into();
            object["etag"] = self.etag.as_str().into();
        }
        json!({
            "version": "0",
            "source": "aws.s3",
            "detail-type": if is_deleted { "Object Deleted" } else { "Object Created" },
            "time": time.format(&Rfc3339).unwrap_or_default(),
            "region": self.region,
            "detail": { "version": "0", "bucket": { "name": self.bucket }, "object": object },
        })
    }
}

/// S3 encodes keys in notifications as forms do (a space is `+`), but keeps slashes.
fn form_encode(key: &str) -> String {
    key.split('/')
        .map(|part| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>())
        .collect::<Vec<_>>()
        .join("/")
}

fn milliseconds(time: OffsetDateTime) -> String {
    let whole = time
        .replace_millisecond(time.millisecond())
        .unwrap_or(time)
        .format(&Rfc3339)
        .unwrap_or_default();
    // RFC 3339 drops trailing zeros. S3 always writes three digits.
    let (seconds, fraction) = match whole.strip_suffix('Z').map(|t| t.split_once('.')) {
        Some(Some((seconds, fraction))) => (seconds.to_owned(), fraction.to_owned()),
        _ => (whole.trim_end_matches('Z').to_owned(), String::new()),
    };
    format!("{seconds}.{fraction:0<3}Z")
}
