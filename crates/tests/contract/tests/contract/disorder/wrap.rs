//! S3's events in every format in which they arrive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use slipway_emulators::s3::{EventName, ObjectEvent};

use super::history::Shape;

pub(crate) fn wrapped(event: &ObjectEvent, shape: Shape) -> Value {
    let direct = event.to_s3_notification();
    match shape {
        Shape::Direct => direct,
        Shape::EventBridge => event_bridge(event),
        Shape::Sqs => queue(&[direct]),
        Shape::SqsTwice => queue(&[direct, event_bridge(event)]),
    }
}

pub(crate) fn event_bridge(event: &ObjectEvent) -> Value {
    let kind = match event.name {
        EventName::Delete => "Object Deleted",
        _ => "Object Created",
    };
    let mut object = json!({ "key": event.key, "sequencer": format!("{:016X}", event.sequencer) });
    if event.name != EventName::Delete {
        object["size"] = event.size.into();
        object["etag"] = event.etag.as_str().into();
    }
    json!({
        "version": "0",
        "detail-type": kind,
        "source": "aws.s3",
        "region": event.region,
        "detail": { "version": "0", "bucket": { "name": event.bucket }, "object": object },
    })
}

fn queue(bodies: &[Value]) -> Value {
    let message = |(at, body): (usize, &Value)| {
        json!({
            "messageId": format!("message {at}"),
            "body": body.to_string(),
            "eventSource": "aws:sqs",
        })
    };
    json!({ "Records": bodies.iter().enumerate().map(message).collect::<Vec<_>>() })
}

/// The SHA-256 of bytes in the API's encoding.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

/// CRC-64/NVME as S3 writes it, by its definition.
pub(crate) fn crc64nvme(bytes: &[u8]) -> String {
    let mut crc = u64::MAX;
    for byte in bytes {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1 == 1;
            crc >>= 1;
            if carry {
                crc ^= 0x9a6c_9329_ac4b_c9b5;
            }
        }
    }
    STANDARD.encode((!crc).to_be_bytes())
}
