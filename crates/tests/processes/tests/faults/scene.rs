//! The contents of bucket and table before a fault: one file in each state.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_core::{ContentType, FileId, FileName, FileRow, Metadata, ObjectKey};
use slipway_core::{StoredObject, UserId};
use slipway_db::{Db, ObjectAddress, Recorded};
use slipway_emulators::s3::ObjectEvent;
use slipway_processes::BUCKET;
use slipway_s3::Bucket as S3;
use slipway_s3_urls::{Credentials, Location as Place, Signer, Upload, UploadUrls};
use time::OffsetDateTime;

use crate::bucket::Bucket;
use crate::function::Change;
use crate::pictures;
use crate::uploads::{self, Uploads};

/// The one user.
pub(crate) const USER: &str = "alice";

/// `MAX_UPLOAD_BYTES` of every function.
pub(crate) const MAX_BYTES: &str = "4000";

/// All files of the scene are named as pictures. The bytes of some are not.
const CONTENT_TYPE: &str = "image/jpeg";

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
    /// A picture, uploaded and recorded.
    pub(crate) kept: File,
    /// Uploaded and not recorded. Its bytes are not a picture.
    pub(crate) fresh: File,
    /// Uploaded and recorded, for functions that delete a file. It has a preview.
    pub(crate) doomed: File,
    /// Deleted, and then uploaded again through its URL.
    pub(crate) removed: File,
    /// Recorded and with a preview, and then replaced by another picture.
    pub(crate) replaced: File,
    /// Uploaded, larger than the deployment accepts, and not recorded.
    pub(crate) oversized: File,
    /// Recorded, but the object was removed by hand.
    pub(crate) lost: ObjectKey,
    /// The scanner's event about `fresh`.
    pub(crate) scan: Value,
    /// Multipart uploads, for functions that use them.
    pub(crate) uploads: Option<Uploads>,
}

impl Scene {
    /// Uploads the objects, and records rows if there is a schema. Where previews are made, the
    /// pictures are recorded.
    pub(crate) async fn make(
        env: &BTreeMap<String, String>,
        bucket: &mut Bucket,
        db: Option<&Db>,
        change: Change,
    ) -> Self {
        let client = Client::new(env);
        let fresh = client.put(bucket, key(), b"bytes").await;
        let earlier = client.put(bucket, key(), b"earlier").await;
        let mut scene = Self {
            kept: client.put(bucket, key(), &pictures::red()).await,
            doomed: client.put(bucket, key(), b"bytes").await,
            removed: client.put(bucket, key(), b"bytes").await,
            oversized: client.put(bucket, key(), &[b'x'; 4001]).await,
            lost: key(),
            scan: bucket.scan(&fresh.event),
            replaced: earlier,
            fresh,
            uploads: None,
        };
        let s3 = &uploads::bucket(env);
        if let Some(db) = db {
            for file in [&scene.kept, &scene.removed] {
                record(db, s3, &file.key).await;
            }
            for file in [&scene.doomed, &scene.replaced] {
                let row = record(db, s3, &file.key).await;
                let preview = s3.put_preview(&file.key, CONTENT_TYPE, pictures::EARLIER.into());
                preview.await.expect("S3 writes it");
                bucket.next_event().await;
                let decided = db.decide_preview(&row, None).await;
                assert!(decided.expect("decided"));
            }
            let kept = s3.head(&scene.kept.key).await.expect("S3 answers");
            record_as(db, &scene.lost, kept.expect("an object")).await;
            let owner = scene.removed.key.owner();
            let hidden = db.delete_files(owner, &[scene.removed.key.id()]).await;
            assert_eq!(hidden.expect("deleted").len(), 1);
        }
        scene.replaced = client
            .put(bucket, scene.replaced.key, &pictures::green())
            .await;
        if let Some(db) = db.filter(|_| change == Change::Previews) {
            for file in [&scene.fresh, &scene.replaced] {
                record(db, s3, &file.key).await;
            }
        }
        scene
    }

    /// The files about which `record-upload` gets events.
    pub(crate) fn unrecorded(&self) -> [&File; 4] {
        [&self.fresh, &self.removed, &self.replaced, &self.oversized]
    }

    /// The files about which `preview` gets events.
    pub(crate) fn pictures(&self) -> [&File; 4] {
        [&self.kept, &self.replaced, &self.fresh, &self.removed]
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

/// A client with signed URLs.
struct Client {
    http: reqwest::Client,
    urls: UploadUrls,
}

impl Client {
    fn new(env: &BTreeMap<String, String>) -> Self {
        let env: &Environment = &env.clone().into_iter().collect();
        let signer = Signer::new(
            Place::from_env(env).expect("a bucket"),
            Credentials::from_env(env).expect("credentials"),
        );
        Self {
            http: reqwest::Client::new(),
            urls: UploadUrls::from_env(env, signer).expect("settings"),
        }
    }

    /// Uploads an object.
    async fn put(&self, bucket: &mut Bucket, key: ObjectKey, bytes: &[u8]) -> File {
        let upload = Upload {
            key: &key,
            file_name: &FileName::parse("a.txt").expect("a name"),
            content_type: &ContentType::parse(CONTENT_TYPE).expect("a type"),
            size: None,
            checksum: None,
            metadata: &Metadata::default(),
            rule: None,
            write_once: false,
        };
        let url = self.urls.put(&upload, OffsetDateTime::now_utc());
        let sent = self
            .http
            .put(url.signed.url)
            .header("Content-Type", CONTENT_TYPE)
            .body(bytes.to_vec())
            .send()
            .await
            .expect("an answer");
        assert_eq!(sent.status(), 200);
        let event = bucket.next_event().await;
        assert_eq!(event.key, key.as_str());
        File { key, event }
    }
}

/// Records what S3 has under `key`, as `record-upload` does.
pub(crate) async fn record(db: &Db, s3: &S3, key: &ObjectKey) -> FileRow {
    let object = s3.head(key).await.expect("S3 answers");
    record_as(db, key, object.expect("an object")).await
}

async fn record_as(db: &Db, key: &ObjectKey, object: StoredObject) -> FileRow {
    let object = StoredObject {
        key: key.clone(),
        ..object
    };
    let location = ObjectAddress {
        bucket: BUCKET,
        file_url: "http://somewhere",
    };
    let mut seen = None;
    // Two uploads within a second: S3 reported this one after the row was written.
    for _ in 0..2 {
        let recorded = db
            .record_file(&object, &location, None, seen.as_ref())
            .await;
        match recorded.expect("recorded") {
            Recorded::Created(row) | Recorded::Updated(row) | Recorded::Unchanged(row) => {
                return row;
            }
            Recorded::Stale(row) => seen = Some(row),
            Recorded::Tombstoned(why) => panic!("a tombstone: {why:?}"),
        }
    }
    panic!("it stays behind")
}
