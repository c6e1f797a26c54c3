//! What happened to an object, told the way S3 tells it.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The changes that are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventName {
    /// One PUT stored an object.
    Put,
    /// A multipart upload became an object.
    CompleteMultipartUpload,
    /// An object was copied to this key.
    Copy,
    /// An object was removed.
    Delete,
}

impl EventName {
    /// The name as it stands in a notification, such as `ObjectCreated:Put`.
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

/// One change, sent once it can be seen by every reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// What happened.
    pub name: EventName,
    /// The bucket it happened in.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The object's key, as it is: not encoded.
    pub key: String,
    /// Bytes of the object that came, or went away.
    pub size: u64,
    /// `ETag` of the object that came, or went away, without quotes.
    pub etag: String,
    /// When.
    pub time: OffsetDateTime,
    /// Grows with every change: tells which of two events is the later one.
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
        // S3 says nothing of what a removed object was.
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

/// S3 encodes keys in notifications as a form would (a space is `+`), but keeps slashes.
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
    // RFC 3339 drops trailing zeros; S3 always shows three digits.
    let (seconds, fraction) = match whole.strip_suffix('Z').map(|t| t.split_once('.')) {
        Some(Some((seconds, fraction))) => (seconds.to_owned(), fraction.to_owned()),
        _ => (whole.trim_end_matches('Z').to_owned(), String::new()),
    };
    format!("{seconds}.{fraction:0<3}Z")
}
