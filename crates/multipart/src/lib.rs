//! `/multipart-uploads`: large files in parts, which may come in any order, again, and days later.
//!
//! S3 has the parts and says which are there; a row has the rest, so a client keeps nothing but the file's id.
//! An upload is *open* until its file is recorded or it is given up. Whichever of completing and giving up S3
//! takes first holds: both look at the object afterwards, and answer by what they find.

mod abort;
mod complete;
mod create;
mod list;
mod show;
mod sign;

use slipway_api::{Function, Reply, Request, Spent};
use slipway_core::content_type::AllowedTypes;
use slipway_core::env::{ConfigError, Env};
use slipway_core::limits::{SizeLimits, quota_bytes};
use slipway_core::{Code, Error, FileId, UserId};
use slipway_db::{Db, UploadRow};
use slipway_record::Recorder;
use slipway_storage::{Credentials, Location, ReadUrls, Signer, UploadUrls};

/// What multipart uploads need: rules, signers for both directions, and the record step.
#[derive(Debug)]
pub struct Multipart {
    allowed: AllowedTypes,
    limits: SizeLimits,
    quota_bytes: Option<u64>,
    write_once: bool,
    uploads: UploadUrls,
    reads: ReadUrls,
    recorder: Recorder,
}

impl Multipart {
    /// Reads what presigning and recording read.
    pub async fn from_env(env: Env<'_>) -> Result<Self, ConfigError> {
        let allowed = env
            .optional("ALLOWED_CONTENT_TYPES")
            .unwrap_or_else(|| "*/*".to_owned());
        let location = Location::from_env(env)?;
        let writing = Signer::new(location.clone(), Credentials::from_env(env)?);
        let reading = Signer::new(location, Credentials::for_reading(env)?);
        Ok(Self {
            allowed: AllowedTypes::parse(&allowed)?,
            limits: SizeLimits::from_env(env)?,
            quota_bytes: quota_bytes(env)?,
            write_once: env.flag("WRITE_ONCE")?,
            uploads: UploadUrls::from_env(env, writing)?,
            reads: ReadUrls::from_env(env, reading)?,
            recorder: Recorder::from_env(env).await?,
        })
    }

    fn db(&self) -> &Db {
        self.recorder.db()
    }

    /// The caller's open upload, or 404.
    async fn open_upload(&self, user: &UserId, id: &str) -> Result<UploadRow, Error> {
        let found = self.db().find_upload(user, parsed(id)?).await?;
        found.filter(|upload| upload.open).ok_or_else(no_upload)
    }
}

impl Function for Multipart {
    fn spent(&self) -> Spent {
        Spent {
            s3: self.recorder.bucket().clock().total(),
            postgres: self.db().clock().total(),
        }
    }

    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        let (method, path) = request.route();
        match (method, path.as_slice()) {
            ("POST", ["multipart-uploads"]) => self.create(request).await,
            ("GET", ["multipart-uploads"]) => self.list(request).await,
            ("GET", ["multipart-uploads", id]) => self.show(request, id).await,
            ("DELETE", ["multipart-uploads", id]) => self.abort(request, id).await,
            ("POST", ["multipart-uploads", id, "parts"]) => self.sign(request, id).await,
            ("POST", ["multipart-uploads", id, "complete"]) => self.complete(request, id).await,
            _ => Err(Error::no_route()),
        }
    }
}

fn parsed(id: &str) -> Result<FileId, Error> {
    FileId::parse(id).ok_or_else(no_upload)
}

/// The same for one that never was, is over, or is somebody else's.
fn no_upload() -> Error {
    Error::new(
        Code::NotFound,
        "There is no such upload, or it is over. Complete it to learn whether it became a file; else begin a new one.",
    )
}
