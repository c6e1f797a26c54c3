//! The messages of the queue: events of `EventBridge` about objects, and this function's own.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use slipway_core::{Error, FileId, ObjectKey};
use slipway_db::webhooks::Sighting;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What this function writes as `source`.
const OURS: &str = "slipway.notify";

/// The longest wait for a change to be recorded, in checks: more than an hour. Later ones are found by
/// the schedule, which also wakes this function.
const MOST_CHECKS: u32 = 14;

/// An SQS message.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) content: Content,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    /// An object was created or scanned.
    Object(Sighting),
    /// This function sent it.
    Follow(Follow),
    /// Anything else: a reason to look for events. A file is deleted before its object is removed, so
    /// the removal needs no check.
    Other,
}

/// A message of this function to itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Follow {
    source: String,
    /// Not before this time, in Unix milliseconds.
    not_before: i64,
    /// The message that planned this one for pending events (`webhook_wake.sender`).
    #[serde(default)]
    pub(crate) sender: Option<String>,
    /// Changes that were not recorded yet.
    #[serde(default)]
    sightings: Vec<Seen>,
    /// How often they were looked for.
    #[serde(default)]
    pub(crate) checks: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    id: String,
    etag: String,
    scanned: bool,
    /// Unix seconds.
    at: i64,
}

impl Follow {
    /// A message for pending events, which are due after `delay`.
    pub(crate) fn wake(sender: &str, delay: Duration, now: OffsetDateTime) -> Self {
        Self {
            source: OURS.to_owned(),
            not_before: millis(now + delay),
            sender: Some(sender.to_owned()),
            sightings: Vec::new(),
            checks: 0,
        }
    }

    /// A message for changes that were not recorded at the check number `checks`. `None` after
    /// more than an hour.
    pub(crate) fn look_again(
        sightings: &[&Sighting],
        checks: u32,
        now: OffsetDateTime,
    ) -> Option<Self> {
        let delay = Duration::from_secs(1 << checks.clamp(1, 11) >> 1).min(Duration::from_mins(15));
        (checks <= MOST_CHECKS).then(|| Self {
            source: OURS.to_owned(),
            not_before: millis(now + delay),
            sender: None,
            sightings: sightings
                .iter()
                .map(|one| Seen {
                    id: one.id.to_string(),
                    etag: one.etag.clone(),
                    scanned: one.scanned,
                    at: one.at.unix_timestamp(),
                })
                .collect(),
            checks,
        })
    }

    /// How long it is too early.
    pub(crate) fn delay(&self, now: OffsetDateTime) -> Duration {
        let early = self.not_before.saturating_sub(millis(now));
        Duration::from_millis(u64::try_from(early).unwrap_or_default())
    }

    pub(crate) fn sightings(&self) -> Vec<Sighting> {
        let sighting = |seen: &Seen| {
            Some(Sighting {
                id: FileId::parse(&seen.id)?,
                etag: seen.etag.clone(),
                scanned: seen.scanned,
                at: OffsetDateTime::from_unix_timestamp(seen.at).ok()?,
            })
        };
        self.sightings.iter().filter_map(sighting).collect()
    }

    pub(crate) fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::internal("write a message", error))
    }
}

fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// The messages of an invocation. An invocation by hand or by a schedule has none.
pub(crate) fn parse(payload: &Value, bucket: &str) -> Vec<Message> {
    let records = payload.get("Records").and_then(Value::as_array);
    let message = |record: &Value| Message {
        id: text(record, "/messageId").unwrap_or_default().to_owned(),
        content: text(record, "/body")
            .and_then(|body| serde_json::from_str(body).ok())
            .map_or(Content::Other, |body| content(&body, bucket)),
    };
    records.into_iter().flatten().map(message).collect()
}

fn content(body: &Value, bucket: &str) -> Content {
    if text(body, "/source") == Some(OURS) {
        return serde_json::from_value(body.clone()).map_or(Content::Other, Content::Follow);
    }
    sighting(body, bucket).map_or(Content::Other, Content::Object)
}

/// The object of an event. `None` if the event is not about a file.
fn sighting(event: &Value, bucket: &str) -> Option<Sighting> {
    let (object, key) = match text(event, "/source")? {
        "aws.s3" => ("/detail/object/etag", "/detail/object/key"),
        "aws.guardduty" => (
            "/detail/s3ObjectDetails/eTag",
            "/detail/s3ObjectDetails/objectKey",
        ),
        _ => return None,
    };
    let scanned = text(event, "/source") == Some("aws.guardduty");
    let of = if scanned {
        "/detail/s3ObjectDetails/bucketName"
    } else {
        "/detail/bucket/name"
    };
    if text(event, of)? != bucket {
        return None;
    }
    let etag = match text(event, "/detail-type")? {
        "Object Created" | "GuardDuty Malware Protection Object Scan Result" => {
            text(event, object)?
        }
        _ => return None,
    };
    Some(Sighting {
        id: ObjectKey::parse(text(event, key)?).ok()?.id(),
        // Postgres cannot query for a NUL.
        etag: etag.trim_matches('"').replace('\0', ""),
        scanned,
        at: OffsetDateTime::parse(text(event, "/time")?, &Rfc3339).ok()?,
    })
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "alice/01890a5d-ac96-774b-bcce-b302099a8057/a.txt";

    fn parsed(body: &Value) -> Content {
        let payload = json!({ "Records": [{ "messageId": "1", "body": body.to_string() }] });
        parse(&payload, "b").remove(0).content
    }

    fn of_s3(kind: &str, key: &str, bucket: &str) -> Value {
        json!({ "source": "aws.s3", "detail-type": kind, "time": "2026-11-27T12:00:00Z",
            "detail": { "bucket": { "name": bucket }, "object": { "key": key, "etag": "e" } } })
    }

    #[test]
    fn events_name_the_file_and_what_happened() {
        let sighting = |etag: &str, scanned| {
            Content::Object(Sighting {
                id: FileId::parse("01890a5d-ac96-774b-bcce-b302099a8057").expect("an id"),
                etag: etag.to_owned(),
                scanned,
                at: time::macros::datetime!(2026-11-27 12:00 UTC),
            })
        };
        assert_eq!(
            parsed(&of_s3("Object Created", KEY, "b")),
            sighting("e", false)
        );
        let scan = json!({ "source": "aws.guardduty", "time": "2026-11-27T12:00:00Z",
            "detail-type": "GuardDuty Malware Protection Object Scan Result",
            "detail": { "s3ObjectDetails": { "bucketName": "b", "objectKey": KEY, "eTag": "\"e\"" } } });
        assert_eq!(parsed(&scan), sighting("e", true));
        for other in [
            of_s3("Object Deleted", KEY, "b"),
            of_s3("Object Created", "no/key", "b"),
            of_s3("Object Created", KEY, "another"),
            of_s3("Object Tags Added", KEY, "b"),
            json!({ "requestContext": { "functionArn": "maintain" }, "responsePayload": {} }),
            json!([]),
        ] {
            assert_eq!(parsed(&other), Content::Other, "{other}");
        }
        assert_eq!(parse(&json!({}), "b"), []);
    }

    #[test]
    fn its_own_messages_come_back_as_they_were_sent() {
        let now = OffsetDateTime::now_utc();
        let wake = Follow::wake("m", Duration::from_secs(5), now);
        assert_eq!(wake.delay(now), Duration::from_secs(5));
        assert_eq!(wake.delay(now + Duration::from_secs(6)), Duration::ZERO);
        let body: Value = serde_json::from_str(&wake.to_json().expect("JSON")).expect("JSON");
        assert_eq!(parsed(&body), Content::Follow(wake));
        let Content::Object(seen) = parsed(&of_s3("Object Created", KEY, "b")) else {
            panic!("an object");
        };
        let mut total = Duration::ZERO;
        let mut checks = 1;
        while let Some(again) = Follow::look_again(&[&seen], checks, now) {
            assert_eq!(again.sightings(), std::slice::from_ref(&seen));
            total += again.delay(now);
            checks += 1;
        }
        let first = Follow::look_again(&[&seen], 1, now).expect("the first");
        assert_eq!(first.delay(now), Duration::from_secs(1));
        assert!(
            total > Duration::from_hours(1) && total < Duration::from_hours(2),
            "{total:?}"
        );
    }
}
