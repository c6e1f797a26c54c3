//! `POST /save-metadata`: the client confirms its upload, and the record step records what S3
//! reports.
//!
//! ```text
//! POST /save-metadata {"objectKey": "alice/01890a5d-ac96-774b-bcce-b302099a8057/a.txt"}
//! 201 {"success": true, "file": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "fileName": "a.txt", "size": 5, …}}
//!
//! POST /save-metadata {"objectKeys": ["alice/01890a5d-ac96-774b-bcce-b302099a8057/a.txt"]}
//! 200 {"success": true, "results": [{"objectKey": "alice/…/a.txt", "file": {…}}]}
//! ```

mod many;

use serde::Deserialize;
use slipway_api::{Counts, Entries, FileBody, Function, Reply, Request, Spent};
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::MAX_BATCH_CONFIRM;
use slipway_core::{Code, Error, FileRow, ObjectKey, UserId};
use slipway_db::FileState;
use slipway_record::{Outcome, Recorder, Refusal, Settings, Stores};
use slipway_s3_urls::{Credentials, Location, ReadUrls, Signer};
use time::OffsetDateTime;

/// The context of the function: the record step and read URLs.
#[derive(Debug)]
pub struct SaveMetadata {
    stores: Stores,
    settings: Settings,
    urls: ReadUrls,
}

/// Tutorials send `publicFileUrl` as well. It is ignored, because only what S3 reports is recorded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    object_key: Option<String>,
    object_keys: Option<Entries<String, MAX_BATCH_CONFIRM>>,
}

impl SaveMetadata {
    /// Reads the settings of the record step and of read URLs.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let signer = Signer::new(Location::from_env(env)?, Credentials::for_reading(env)?);
        let urls = ReadUrls::from_env(env, signer)?;
        Ok(Self {
            settings: Settings::from_env(env)?,
            stores: Stores::from_env(env).await?,
            urls,
        })
    }

    async fn save(&self, request: &Request) -> Result<Reply, Error> {
        let body: Body = request.json()?;
        match (body.object_key, body.object_keys) {
            (Some(key), None) => self.save_one(request, &key).await,
            (None, Some(Entries(keys))) => self.save_many(request, &keys).await,
            (Some(_), Some(_)) => Err(Error::invalid_request(
                "objectKey and objectKeys exclude each other. Send one of them.",
            )),
            (None, None) => Err(Error::invalid_request(
                "objectKey is required, or objectKeys to confirm several uploads.",
            )),
        }
    }

    async fn save_one(&self, request: &Request, key: &str) -> Result<Reply, Error> {
        let key = own_key(key, request.user())?;
        request.concerns([key.id()]);
        let recorder = Recorder::new(&self.stores, &self.settings).expecting_new();
        match recorder.record(&key).await? {
            Outcome::Created(row) => {
                let counts = Counts {
                    recorded: 1,
                    uploaded_bytes: row.size,
                    ..Counts::default()
                };
                Ok(self.saved(201, &row)?.counting(counts))
            }
            Outcome::Existing(row) => self.saved(200, &row),
            Outcome::Missing => self.missing(&key).await,
            Outcome::Deleted => Err(deleted()),
            Outcome::Refused(refusal) => Err(refusal.into()),
        }
    }

    fn saved(&self, status: u16, row: &FileRow) -> Result<Reply, Error> {
        let window = self.urls.window(OffsetDateTime::now_utc());
        Reply::file(
            status,
            &FileBody::new(
                row,
                self.urls.get(row, false, &window),
                self.urls.preview(row, &window),
            ),
        )
    }

    /// The response without an object: the file is not uploaded yet, or was deleted or refused
    /// before.
    async fn missing(&self, key: &ObjectKey) -> Result<Reply, Error> {
        let state = self.stores.db.file_state(key.owner(), key.id()).await?;
        Err(no_object(&state))
    }
}

impl Function for SaveMetadata {
    fn spent(&self) -> Spent {
        self.stores.spent()
    }

    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        match request.route() {
            ("POST", "/save-metadata", _) => self.save(request).await,
            _ => Err(Error::no_route()),
        }
    }
}

/// The key of an upload of `user`.
fn own_key(key: &str, user: &UserId) -> Result<ObjectKey, Error> {
    let key = ObjectKey::parse(key)?;
    if key.owner() != user {
        return Err(Error::new(Code::Forbidden, "This object is not yours."));
    }
    Ok(key)
}

/// The error for a file in this state without an object.
fn no_object(state: &FileState) -> Error {
    match state {
        FileState::Tombstone(why) => Refusal::of(*why).map_or_else(deleted, Error::from),
        FileState::Unknown | FileState::Live(_) => Error::new(
            Code::UploadNotFound,
            "There is no upload under this objectKey yet. PUT the file to its presignedUrl first.",
        ),
    }
}

fn deleted() -> Error {
    Error::new(
        Code::FileDeleted,
        "This file was deleted. Presign again to upload it anew.",
    )
}
