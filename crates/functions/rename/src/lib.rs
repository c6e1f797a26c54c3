//! `PATCH /files/{id}`: gives a file another name, or other metadata.
//!
//! Name and metadata are part of the object, because the bucket is the truth and the table can be
//! rebuilt from it. So the object is copied onto itself with its new metadata, and the record step
//! then records what a HEAD reports. The key does not change.
//!
//! 1. The row is read as the caller, so the file of another user is not found.
//! 2. A HEAD reads the object. If it already has the name and the metadata, nothing is copied: a
//!    request whose response was lost can be repeated.
//! 3. The copy requires the `ETag` of the row. An object that was replaced meanwhile stays as it is
//!    (`file_changed`), and one that was deleted is not restored.
//! 4. The record step reads the object again. It never refuses a renamed file, because that has the
//!    size and the type of its row. If the file was deleted while S3 copied, the step finds the
//!    tombstone and removes the object.
//!
//! A rename does not change the `ETag` of an object that was uploaded with one PUT, so S3 cannot
//! tell two renames of it apart. If they run at the same time, the last copy wins as a whole. A
//! request that finds the other one's values afterwards responds with `file_changed`.
//!
//! ```text
//! PATCH /files/01890a5d-ac96-774b-bcce-b302099a8057 {"fileName": "b.txt"}
//! 200 {"success": true, "file": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "fileName": "b.txt", …}}
//! ```

use std::time::Duration;

use serde::Deserialize;
use slipway_api::{FileBody, Function, Reply, Request, Spent};
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::MAX_COPY_BYTES;
use slipway_core::{Code, Error, FileId, FileName, FileRow, Metadata, ObjectKey};
use slipway_record::{Outcome, Recorder, Settings, Stores};
use slipway_s3::{Changes, Copied};
use slipway_s3_urls::{Credentials, Location, ReadUrls, Signer};
use time::OffsetDateTime;
use tokio::time::Instant;

/// The copy, and a second one after a fault.
const ATTEMPTS: u32 = 2;

/// The context of the function: the record step and read URLs.
#[derive(Debug)]
pub struct Rename {
    stores: Stores,
    settings: Settings,
    urls: ReadUrls,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    file_name: Option<String>,
    metadata: Option<Metadata>,
}

/// What S3 has after an attempt to change the object.
enum Changed {
    /// The object has the changes.
    Here,
    /// The object is not the one of the row.
    Elsewhere,
    /// There is no object.
    Missing,
}

impl Rename {
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

    async fn rename(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let until = Instant::now() + copy_limit(request.time_left());
        let changes = changes(request.json()?)?;
        let id = FileId::parse(id).ok_or_else(Error::not_found)?;
        let row = self.stores.db.find_file(request.user(), id).await?;
        let row = row.ok_or_else(Error::not_found)?;
        if row.size > MAX_COPY_BYTES {
            return Err(too_large(row.size));
        }
        let key = &row.object_key;
        match self.change(&row, &changes, until).await? {
            Changed::Here => self.record(key, &changes).await,
            Changed::Elsewhere => {
                self.refresh(key).await;
                Err(file_changed())
            }
            // A delete is finishing, or the object was removed by hand. Then maintain drops the
            // row, after a HEAD of its own.
            Changed::Missing => Err(Error::not_found()),
        }
    }

    /// Copies the object of `row` onto itself with `changes`, unless it already has them.
    ///
    /// A fault does not tell whether S3 has copied, and a condition may have failed because of an
    /// attempt whose response was lost. So a HEAD follows each of them.
    async fn change(
        &self,
        row: &FileRow,
        changes: &Changes,
        until: Instant,
    ) -> Result<Changed, Error> {
        let bucket = &self.stores.bucket;
        let (mut attempts, mut failed) = (0, None);
        loop {
            let Some(source) = bucket.head_source(&row.object_key).await? else {
                return Ok(Changed::Missing);
            };
            let object = &source.object;
            if changes.are_in(&object.file_name, &object.metadata) {
                return Ok(Changed::Here);
            }
            if object.etag != row.etag {
                return Ok(Changed::Elsewhere);
            }
            if attempts == ATTEMPTS {
                return failed.map_or(Ok(Changed::Elsewhere), Err);
            }
            attempts += 1;
            let copied = bucket.copy_onto_itself(&source, changes, &row.etag, until);
            match copied.await {
                Ok(Copied::Done) => return Ok(Changed::Here),
                Ok(Copied::Missing) => return Ok(Changed::Missing),
                Ok(Copied::Changed) => failed = None,
                Err(error) if error.code() == Code::Unavailable => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
    }

    /// Records what S3 has, which is this rename unless another request was faster.
    async fn record(&self, key: &ObjectKey, changes: &Changes) -> Result<Reply, Error> {
        let has_changes = |row: &FileRow| changes.are_in(&row.file_name, &row.metadata);
        let mut outcome = self.recorder().record(key).await?;
        if let Outcome::Existing(row) = &outcome
            && !has_changes(row)
        {
            // The clock of the server that copied may be behind that of the server that stored the
            // file. Then the copy looks older than the row, and only a HEAD after the row was read
            // shows that it is not.
            outcome = self.recorder().refresh(key).await?;
        }
        match outcome {
            Outcome::Created(row) | Outcome::Existing(row) if has_changes(&row) => {
                let window = self.urls.window(OffsetDateTime::now_utc());
                Reply::file(
                    200,
                    &FileBody::new(
                        &row,
                        self.urls.get(&row, false, &window),
                        self.urls.preview(&row, &window),
                    ),
                )
            }
            // Another upload or rename followed at once.
            Outcome::Created(_) | Outcome::Existing(_) | Outcome::Refused(_) => Err(file_changed()),
            Outcome::Missing | Outcome::Deleted => Err(Error::not_found()),
        }
    }

    /// Records what S3 has in place of the object of the row, so that the client finds it when it
    /// reads the file again. Without events, nothing else records it.
    async fn refresh(&self, key: &ObjectKey) {
        if let Err(error) = self.recorder().refresh(key).await {
            tracing::warn!(
                fileId = %key.id(),
                code = error.code().as_str(),
                cause = error.causes(),
                s3RequestId = error.s3_request(),
                "the changed file is not recorded yet"
            );
        }
    }

    fn recorder(&self) -> Recorder<'_> {
        Recorder::new(&self.stores, &self.settings)
    }
}

impl Function for Rename {
    fn spent(&self) -> Spent {
        self.stores.spent()
    }

    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        match request.route() {
            ("PATCH", "/files/{id}", id) => self.rename(request, id).await,
            _ => Err(Error::no_route()),
        }
    }
}

/// The time that S3 may take: 25 of the 28.5 seconds of a warm function. The rest is for recording
/// the file.
fn copy_limit(left: Duration) -> Duration {
    left * 7 / 8
}

fn changes(body: Body) -> Result<Changes, Error> {
    if body.file_name.is_none() && body.metadata.is_none() {
        return Err(Error::invalid_request(
            "fileName or metadata is required. An omitted one stays as it is.",
        ));
    }
    Ok(Changes {
        file_name: body.file_name.map(FileName::parse).transpose()?,
        metadata: body.metadata,
    })
}

fn too_large(size: u64) -> Error {
    Error::new(
        Code::FileTooLarge,
        format!(
            "The file has {size} bytes. S3 cannot rename files of more than {MAX_COPY_BYTES} bytes."
        ),
    )
}

fn file_changed() -> Error {
    Error::new(
        Code::FileChanged,
        "The file was replaced or renamed meanwhile. Read it again, and repeat the request if you still mean it.",
    )
}
