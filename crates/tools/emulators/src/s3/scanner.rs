//! An emulator of `GuardDuty` Malware Protection for S3.
//!
//! It detects one threat: EICAR's test file, which every scanner reports and which is harmless. As
//! `GuardDuty` with tagging, it first tags the object and then reports the result.

use std::io::Read as _;
use std::sync::Arc;

use s3s::S3Result;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::fault::disk;
use super::policy::Tags;
use super::store::Store;

/// The tag with the result.
const TAG: &str = "GuardDutyMalwareScanStatus";

/// The result for a clean object.
pub const NO_THREATS_FOUND: &str = "NO_THREATS_FOUND";

/// The result for an object with malware.
pub const THREATS_FOUND: &str = "THREATS_FOUND";

/// EICAR's test file in two parts, so that no scanner reports this source file.
const EICAR: [&str; 2] = [
    r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-",
    "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
];

/// Scans objects of a running server.
#[derive(Clone)]
pub struct Scanner(pub(super) Arc<Store>);

impl Scanner {
    /// Scans the object under `key`, tags it, and returns the event with the result; `None` if
    /// there is no object.
    pub fn scan(&self, key: &str) -> Option<Value> {
        let (object, file) = self.0.read(key).ok()?;
        let mut start = Vec::new();
        let eicar = EICAR.concat();
        let read = file.take(eicar.len() as u64).read_to_end(&mut start);
        let result = match read.map_err(disk) {
            Ok(_) if start == eicar.as_bytes() => THREATS_FOUND,
            Ok(_) => NO_THREATS_FOUND,
            Err(_) => "FAILED",
        };
        // The key may have another object meanwhile, whose bytes were not scanned.
        let scanned = |now: &Arc<_>| Arc::ptr_eq(now, &object);
        // `GuardDuty` also reports the result for an object that is gone.
        let _ = self.tag(key, result, &object.tags, scanned);
        Some(self.event(key, &object.etag, result))
    }

    /// The same with a `result` such as `UNSUPPORTED`, for the object that had `etag`. It is tagged
    /// if it still exists.
    #[expect(clippy::must_use_candidate, reason = "it tags the object")]
    pub fn report(&self, key: &str, etag: &str, result: &str) -> Value {
        if let Some(object) = self.0.find(key) {
            let _ = self.tag(key, result, &object.tags, |now| now.etag == etag);
        }
        self.event(key, etag, result)
    }

    fn tag(
        &self,
        key: &str,
        result: &str,
        others: &Tags,
        scanned: impl Fn(&Arc<super::object::Object>) -> bool,
    ) -> S3Result<()> {
        let mut tags = others.clone();
        tags.insert(TAG.to_owned(), result.to_owned());
        self.0.set_tags(key, tags, scanned)
    }

    fn event(&self, key: &str, etag: &str, result: &str) -> Value {
        let status = match result {
            NO_THREATS_FOUND | THREATS_FOUND => "COMPLETED",
            "UNSUPPORTED" => "SKIPPED",
            _ => "FAILED",
        };
        json!({
            "version": "0",
            "source": "aws.guardduty",
            "detail-type": "GuardDuty Malware Protection Object Scan Result",
            "time": OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            "region": self.0.region,
            "detail": {
                "schemaVersion": "1.0",
                "scanStatus": status,
                "resourceType": "S3_OBJECT",
                "s3ObjectDetails": {
                    "bucketName": self.0.bucket,
                    "objectKey": key,
                    "eTag": etag,
                    "versionId": "",
                    "s3Throttled": false,
                },
                "scanResultDetails": { "scanResultStatus": result, "threats": null },
            },
        })
    }
}
