//! URLs for parts, each for exactly one part of exactly its length.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use slipway_api::time::rfc3339;
use slipway_api::{Entries, Reply, Request};
use slipway_core::limits::MAX_BATCH_PARTS;
use slipway_core::{Error, Parts};
use slipway_s3_urls::UploadPart;
use time::OffsetDateTime;

use crate::Multipart;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    part_numbers: Entries<u16, MAX_BATCH_PARTS>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    success: bool,
    parts: Vec<SignedPart>,
    expires_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedPart {
    part_number: u16,
    url: String,
    /// The headers that the client must send with the PUT. As at presign, a browser sets all of
    /// them itself.
    headers: BTreeMap<&'static str, String>,
    size: u64,
}

impl Multipart {
    /// Returns the URLs in the order of the request. A repeated number is answered once.
    pub(crate) async fn sign(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let Body {
            part_numbers: Entries(part_numbers),
        } = request.json()?;
        if part_numbers.is_empty() {
            return Err(Error::invalid_request(format!(
                "partNumbers must have 1 to {MAX_BATCH_PARTS} entries."
            )));
        }
        let upload = self.open_upload(request.user(), id).await?;
        let now = OffsetDateTime::now_utc();
        let (mut seen, mut parts, mut ends) = (HashSet::new(), Vec::new(), now);
        for number in part_numbers {
            if !seen.insert(number) {
                continue;
            }
            let size = upload
                .parts
                .size_of(number)
                .ok_or_else(|| no_such_part(number, upload.parts))?;
            let part = UploadPart {
                key: &upload.object_key,
                upload_id: &upload.upload_id,
                number,
                size,
            };
            let signed = self.uploads.part(&part, now);
            // All URLs share one time of signing.
            ends = signed.expires_at;
            parts.push(SignedPart {
                part_number: number,
                url: signed.url,
                headers: BTreeMap::new(),
                size,
            });
        }
        Reply::ok(&Signed {
            success: true,
            parts,
            expires_at: rfc3339(ends)?,
        })
    }
}

fn no_such_part(number: u16, parts: Parts) -> Error {
    Error::invalid_request(format!(
        "partNumbers must be from 1 to {} for this upload; {number} is not.",
        parts.count()
    ))
}
