//! The body of a delivery.

use serde::Serialize;
use slipway_api::time::rfc3339;
use slipway_core::{Crc64Nvme, Error, Metadata, RuleName, Sha256};
use slipway_db::webhooks::ClaimedEvent;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    user_id: &'a str,
    file: EventFile<'a>,
    /// Why the file was refused: the code of the API's error.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The result of the scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    scan_status: Option<&'a str>,
}

/// The file as in the API, without what only the moment of an answer has: its URLs. A test compares
/// it with the answer of `GET /files/{id}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventFile<'a> {
    id: String,
    object_key: &'a str,
    file_name: &'a str,
    content_type: &'a str,
    size: u64,
    etag: &'a str,
    checksum_sha256: Option<String>,
    checksum_crc64nvme: Option<String>,
    rule: Option<&'a str>,
    metadata: &'a Metadata,
    uploaded_at: String,
}

/// The same bytes at every attempt, so that the application can compare deliveries.
pub(crate) fn body(event: &ClaimedEvent) -> Result<String, Error> {
    let (row, detail) = (&event.file, event.detail.as_deref());
    let body = Body {
        kind: &event.kind,
        timestamp: rfc3339(event.changed_at)?,
        data: Data {
            user_id: &event.user,
            reason: detail.filter(|_| event.kind == "file.refused"),
            scan_status: detail.filter(|_| event.kind == "file.scanned"),
            file: EventFile {
                id: row.id.to_string(),
                object_key: row.object_key.as_str(),
                file_name: &row.file_name,
                content_type: &row.content_type,
                size: row.size,
                etag: &row.etag,
                checksum_sha256: row.checksum_sha256.map(Sha256::to_base64),
                checksum_crc64nvme: row.checksum_crc64nvme.map(Crc64Nvme::to_base64),
                rule: row.rule.as_ref().map(RuleName::as_str),
                metadata: &row.metadata,
                uploaded_at: rfc3339(row.uploaded_at)?,
            },
        },
    };
    serde_json::to_string(&body).map_err(|error| Error::internal("write an event", error))
}
