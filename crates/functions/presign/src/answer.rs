//! The response: a URL for each upload, and the headers to send with it.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use slipway_api::time::rfc3339;
use slipway_api::{Counts, Reply, Request};
use slipway_core::{Error, FileId, ObjectKey, UserId};
use slipway_s3_urls::{Upload, UploadUrls};
use time::OffsetDateTime;

use crate::accept::{Accepted, Intent};

#[derive(Serialize)]
struct One {
    success: bool,
    #[serde(flatten)]
    upload: Presigned,
}

#[derive(Serialize)]
struct Batch {
    success: bool,
    uploads: Vec<Presigned>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Presigned {
    #[serde(serialize_with = "as_text")]
    id: FileId,
    object_key: String,
    #[serde(rename = "presignedUrl")]
    url: String,
    method: &'static str,
    #[serde(serialize_with = "as_map")]
    headers: Vec<(&'static str, String)>,
    public_file_url: String,
    expires_at: String,
}

pub(crate) fn sign(
    urls: &UploadUrls,
    request: &Request,
    accepted: &Accepted,
    now: OffsetDateTime,
) -> Result<Reply, Error> {
    let user = request.user();
    match accepted {
        Accepted::One(intent) => {
            let upload = presigned(urls, user, intent, now)?;
            request.concerns([upload.id]);
            let reply = Reply::ok(&One {
                success: true,
                upload,
            })?;
            Ok(reply.counting(count(1)))
        }
        Accepted::Batch(intents) => {
            let uploads = intents
                .iter()
                .map(|intent| presigned(urls, user, intent, now))
                .collect::<Result<Vec<_>, _>>()?;
            let presigned = uploads.len() as u64;
            request.concerns(uploads.iter().map(|upload| upload.id));
            let reply = Reply::ok(&Batch {
                success: true,
                uploads,
            })?;
            Ok(reply.counting(count(presigned)))
        }
    }
}

fn count(presigned: u64) -> Counts {
    Counts {
        presigned,
        ..Counts::default()
    }
}

fn presigned(
    urls: &UploadUrls,
    user: &UserId,
    intent: &Intent,
    now: OffsetDateTime,
) -> Result<Presigned, Error> {
    let key = ObjectKey::new(user.clone(), FileId::new(), &intent.file_name);
    let upload = urls.put(
        &Upload {
            key: &key,
            file_name: &intent.file_name,
            content_type: &intent.content_type,
            size: intent.size,
            checksum: intent.checksum,
            metadata: &intent.metadata,
            rule: intent.rule.as_ref(),
            write_once: intent.write_once,
        },
        now,
    );
    Ok(Presigned {
        id: key.id(),
        object_key: key.as_str().to_owned(),
        url: upload.signed.url,
        method: "PUT",
        headers: upload.headers,
        public_file_url: upload.public_url,
        expires_at: rfc3339(upload.signed.expires_at)?,
    })
}

fn as_text<S: Serializer>(id: &FileId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.encode(&mut [0; 36]))
}

fn as_map<S: Serializer>(
    headers: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(headers.len()))?;
    for (name, value) in headers {
        map.serialize_entry(name, value)?;
    }
    map.end()
}
