//! Multipart uploads of the scene, and checks that each is accounted for afterwards.

use std::collections::{BTreeMap, BTreeSet};

use slipway_core::env::Environment;
use slipway_core::{ContentType, FileName, Metadata, ObjectKey, Parts};
use slipway_db::{Db, NewUpload};
use slipway_s3::{Attributes, Bucket};
use slipway_s3_urls::{Credentials, Location, Signer, UploadPart, UploadUrls};
use time::OffsetDateTime;

use crate::audit;
use crate::function;
use crate::scene::key;
use crate::world::World;

/// `maintain` aborts uploads that began 7 days ago.
const OLD_DAYS: i64 = 8;

/// A multipart upload with its one part.
pub(crate) struct Upload {
    pub(crate) key: ObjectKey,
    upload_id: String,
}

/// Two uploads, each with a row.
pub(crate) struct Uploads {
    /// For functions that complete an upload.
    pub(crate) open: Upload,
    /// Begun long ago, and never completed.
    pub(crate) abandoned: Upload,
}

impl Uploads {
    pub(crate) async fn make(env: &BTreeMap<String, String>, db: &Db) -> Self {
        Self {
            open: begin(env, db).await,
            abandoned: begin(env, db).await,
        }
    }

    /// The statement that makes the row of `abandoned` old.
    pub(crate) fn abandon(&self) -> String {
        let id = self.abandoned.key.id();
        format!(
            "UPDATE multipart_uploads SET created_at = created_at - interval '{OLD_DAYS} days' WHERE id = '{id}'"
        )
    }
}

/// Begins an upload as the function does, and uploads its part as a client does.
async fn begin(env: &BTreeMap<String, String>, db: &Db) -> Upload {
    let (bucket, urls) = (bucket(env), upload_urls(env));
    let content_type = ContentType::parse("text/plain").expect("a type");
    let name = FileName::parse("a.txt").expect("a name");
    let upload = Upload {
        key: key(),
        upload_id: String::new(),
    };
    let attributes = Attributes {
        content_type: &content_type,
        file_name: &name,
        metadata: &Metadata::default(),
        rule: None,
    };
    let begun = bucket.create_upload(&upload.key, &attributes);
    let upload_id = begun.await.expect("S3 begins it");
    let row = NewUpload {
        key: &upload.key,
        upload_id: &upload_id,
        file_name: name.as_str(),
        content_type: content_type.as_str(),
        rule: None,
        parts: Parts::plan(5, None).expect("one part"),
    };
    db.add_upload(&row).await.expect("it gets a row");
    let part = UploadPart {
        key: &upload.key,
        upload_id: &upload_id,
        number: 1,
        size: 5,
    };
    let url = urls.part(&part, OffsetDateTime::now_utc()).url;
    let sent = reqwest::Client::new().put(url).body("bytes").send().await;
    assert_eq!(sent.expect("an answer").status(), 200);
    Upload {
        upload_id,
        ..upload
    }
}

pub(crate) fn bucket(env: &BTreeMap<String, String>) -> Bucket {
    let env: &Environment = &env.clone().into_iter().collect();
    let location = Location::from_env(env).expect("a bucket");
    let credentials = Credentials::from_env(env).expect("credentials");
    Bucket::connect(&location, &credentials).expect("a client")
}

fn upload_urls(env: &BTreeMap<String, String>) -> UploadUrls {
    let env: &Environment = &env.clone().into_iter().collect();
    let location = Location::from_env(env).expect("a bucket");
    let signer = Signer::new(location, Credentials::from_env(env).expect("credentials"));
    UploadUrls::from_env(env, signer).expect("settings")
}

/// Checks, after `maintain` has run, that every upload in S3 has a row or will expire by its age,
/// and that every row has an upload.
pub(crate) async fn audit(world: &mut World) -> Result<(), String> {
    let Some(uploads) = &world.scene.uploads else {
        return Ok(());
    };
    let (in_s3, rows) = (of_s3(world).await?, of_rows(world).await?);
    if let Some(row) = rows.difference(&in_s3).next() {
        return Err(format!("the row of {row:?} names no upload of S3"));
    }
    if in_s3.contains(&uploads.abandoned.upload_id) {
        return Err("the abandoned upload has not ended".to_owned());
    }
    let completes = world.function.uploads == function::Uploads::Completes;
    if rows.contains(&uploads.open.upload_id) == completes {
        return Err(format!("completed: {completes}, and the rows are {rows:?}"));
    }
    let strays = in_s3.difference(&rows).count();
    if strays == 0 {
        return Ok(());
    }
    // Only a function that begins uploads can be interrupted between S3 and the row.
    if world.function.uploads != function::Uploads::Begins {
        return Err(format!("{strays} uploads of S3 have no row"));
    }
    world.bucket.age_uploads(OLD_DAYS).await;
    let endpoint = world.bucket.endpoint();
    world.direct.insert("S3_ENDPOINT".to_owned(), endpoint);
    audit::maintain(world).await?;
    // A late statement may have inserted its row only now, so that the upload has one after all.
    let (left, rows) = (of_s3(world).await?, of_rows(world).await?);
    if left == rows {
        Ok(())
    } else {
        Err(format!("old uploads {left:?} remain next to {rows:?}"))
    }
}

async fn of_s3(world: &World) -> Result<BTreeSet<String>, String> {
    let page = bucket(&world.direct).open_uploads("", None, 1000).await;
    let page = page.map_err(|error| error.to_string())?;
    assert!(page.next.is_none(), "there are not so many");
    Ok(page
        .uploads
        .into_iter()
        .map(|open| open.upload_id)
        .collect())
}

async fn of_rows(world: &World) -> Result<BTreeSet<String>, String> {
    let sql = "SELECT upload_id FROM multipart_uploads WHERE aborted_at IS NULL";
    let rows = world.admin().await.query(sql, &[]).await;
    let rows = rows.map_err(|error| error.to_string())?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
