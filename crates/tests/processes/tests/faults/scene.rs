//! The contents of bucket and table before a fault: one file in each state.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_core::{ContentType, FileId, FileName, Metadata, ObjectKey, StoredObject, UserId};
use slipway_db::{Db, ObjectAddress};
use slipway_emulators::s3::ObjectEvent;
use slipway_processes::BUCKET;

use slipway_s3_urls::{Credentials, Location as Place, Signer, Upload, UploadUrls};
use time::OffsetDateTime;

use crate::bucket::Bucket;
use crate::uploads::Uploads;

/// The one user.
pub(crate) const USER: &str = "alice";

/// A key, and the event of its upload.
pub(crate) struct File {
    pub(crate) key: ObjectKey,
    pub(crate) event: ObjectEvent,
}

impl File {
    pub(crate) fn id(&self) -> String {
        self.key.id().to_string()
    }
}

/// The files of the user.
pub(crate) struct Scene {
    /// Uploaded and recorded.
    pub(crate) kept: File,
    /// Uploaded and not recorded.
    pub(crate) fresh: File,
    /// Uploaded and recorded, for functions that delete a file.
    pub(crate) doomed: File,
    /// Deleted, and then uploaded again through its URL.
    pub(crate) removed: File,
    /// Recorded, but the object was removed by hand.
    pub(crate) lost: ObjectKey,
    /// Multipart uploads, for functions that use them.
    pub(crate) uploads: Option<Uploads>,
}

impl Scene {
    /// Uploads the objects, and records rows if there is a schema.
    pub(crate) async fn make(
        env: &BTreeMap<String, String>,
        bucket: &mut Bucket,
        db: Option<&Db>,
    ) -> Self {
        let scene = Self {
            kept: put(env, bucket).await,
            fresh: put(env, bucket).await,
            doomed: put(env, bucket).await,
            removed: put(env, bucket).await,
            lost: key(),
            uploads: None,
        };
        if let Some(db) = db {
            for file in [&scene.kept, &scene.doomed, &scene.removed] {
                record(db, &file.key, &file.event).await;
            }
            record(db, &scene.lost, &scene.kept.event).await;
            let owner = scene.removed.key.owner();
            let hidden = db.delete_files(owner, &[scene.removed.key.id()]).await;
            assert_eq!(hidden.expect("deleted").len(), 1);
        }
        scene
    }

    /// An S3 event notification about these files.
    pub(crate) fn notification(files: &[&File]) -> Value {
        let records: Vec<Value> = files
            .iter()
            .map(|file| file.event.to_s3_notification()["Records"][0].clone())
            .collect();
        json!({ "Records": records })
    }

    /// The same notifications as SQS messages, one for each file.
    pub(crate) fn messages(files: &[&File]) -> Value {
        let records: Vec<Value> = files
            .iter()
            .map(|file| {
                let body = Self::notification(&[file]).to_string();
                json!({ "messageId": file.id(), "body": body, "eventSource": "aws:sqs" })
            })
            .collect();
        json!({ "Records": records })
    }
}

pub(crate) fn key() -> ObjectKey {
    let owner = UserId::parse(USER).expect("a user");
    let name = FileName::parse("a.txt").expect("a name");
    ObjectKey::new(owner, FileId::new(), &name)
}

/// Uploads an object as a client does.
async fn put(env: &BTreeMap<String, String>, bucket: &mut Bucket) -> File {
    let env: &Environment = &env.clone().into_iter().collect();
    let signer = Signer::new(
        Place::from_env(env).expect("a bucket"),
        Credentials::from_env(env).expect("credentials"),
    );
    let urls = UploadUrls::from_env(env, signer).expect("settings");
    let key = key();
    let upload = Upload {
        key: &key,
        file_name: &FileName::parse("a.txt").expect("a name"),
        content_type: &ContentType::parse("text/plain").expect("a type"),
        size: Some(5),
        checksum: None,
        metadata: &Metadata::default(),
        rule: None,
        write_once: false,
    };
    let url = urls.put(&upload, OffsetDateTime::now_utc());
    let sent = reqwest::Client::new()
        .put(url.signed.url)
        .header("Content-Type", "text/plain")
        .body("bytes")
        .send()
        .await
        .expect("an answer");
    assert_eq!(sent.status(), 200);
    let event = bucket.next_event().await;
    assert_eq!(event.key, key.as_str());
    File { key, event }
}

async fn record(db: &Db, key: &ObjectKey, event: &ObjectEvent) {
    let object = StoredObject {
        key: key.clone(),
        size: event.size,
        etag: event.etag.clone(),
        content_type: "text/plain".to_owned(),
        detected_type: None,
        file_name: "a.txt".to_owned(),
        rule: None,
        metadata: Metadata::default(),
        checksum_sha256: None,
        checksum_crc64nvme: None,
        last_modified: event.time.replace_nanosecond(0).expect("whole seconds"),
    };
    let location = ObjectAddress {
        bucket: BUCKET,
        file_url: "http://somewhere",
    };
    let recorded = db.record_file(&object, &location, None, None).await;
    drop(recorded.expect("recorded"));
}
