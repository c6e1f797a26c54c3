//! `/multipart-uploads`: large files in parts, which may arrive in any order, repeatedly, and days
//! later.
//!
//! S3 stores the parts and lists them. A row stores the rest, so a client only keeps the id of the
//! file. An upload is *open* until its file is recorded or it is aborted. If a completion and an
//! abort run at the same time, S3 decides: both check for the object afterwards, and respond
//! accordingly.
//!
//! ```text
//! POST /multipart-uploads {"fileName": "video.mp4", "contentType": "video/mp4", "size": 314572800}
//! 201 {"id": "…", "partSize": 16777216, "partCount": 19, …}
//! POST /multipart-uploads/{id}/parts {"partNumbers": [1, 2]}
//! 200 {"parts": [{"partNumber": 1, "url": "https://…", "size": 16777216, …}, …], …}
//! POST /multipart-uploads/{id}/complete
//! 201 {"file": {…}}
//! ```

mod abort;
mod complete;
mod create;
mod list;
mod show;
mod sign;

use slipway_api::{Function, Reply, Request, Spent};
use slipway_core::content_type::AllowedTypes;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::{SizeLimits, quota_bytes};
use slipway_core::rules::Rule;
use slipway_core::{Code, Error, FileId, UploadRules, UserId};
use slipway_db::UploadRow;
use slipway_record::{Recorder, Settings, Stores};
use slipway_s3_urls::{Credentials, Location, ReadUrls, Signer, UploadUrls};

/// The context of the function: limits, signers for uploads and reads, and the record step.
#[derive(Debug)]
pub struct Multipart {
    allowed: AllowedTypes,
    limits: SizeLimits,
    rules: UploadRules,
    quota_bytes: Option<u64>,
    write_once: bool,
    uploads: UploadUrls,
    reads: ReadUrls,
    stores: Stores,
    settings: Settings,
}

impl Multipart {
    /// Reads the variables of presigning and of recording.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let allowed = env
            .optional("ALLOWED_CONTENT_TYPES")
            .unwrap_or_else(|| "*/*".to_owned());
        let location = Location::from_env(env)?;
        let writing = Signer::new(location.clone(), Credentials::from_env(env)?);
        let reading = Signer::new(location, Credentials::for_reading(env)?);
        Ok(Self {
            allowed: AllowedTypes::parse(&allowed)?,
            limits: SizeLimits::from_env(env)?,
            rules: UploadRules::from_env(env)?,
            quota_bytes: quota_bytes(env)?,
            write_once: env.flag("WRITE_ONCE")?,
            uploads: UploadUrls::from_env(env, writing)?,
            reads: ReadUrls::from_env(env, reading)?,
            settings: Settings::from_env(env)?,
            stores: Stores::from_env(env).await?,
        })
    }

    /// Returns whether the completion of `upload` must not replace an object.
    fn is_write_once(&self, upload: &UploadRow) -> bool {
        let rule = self.rules.get(upload.rule.as_ref());
        self.write_once || rule.is_some_and(Rule::write_once)
    }

    fn recorder(&self) -> Recorder<'_> {
        Recorder::new(&self.stores, &self.settings)
    }

    /// The caller's open upload. Fails with `not_found` if there is none.
    async fn open_upload(&self, user: &UserId, id: &str) -> Result<UploadRow, Error> {
        let found = self.stores.db.find_upload(user, parsed(id)?).await?;
        found.filter(|upload| upload.open).ok_or_else(no_upload)
    }
}

impl Function for Multipart {
    fn spent(&self) -> Spent {
        self.stores.spent()
    }

    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        match request.route() {
            ("POST", "/multipart-uploads", _) => self.create(request).await,
            ("GET", "/multipart-uploads", _) => self.list(request).await,
            ("GET", "/multipart-uploads/{id}", id) => self.show(request, id).await,
            ("DELETE", "/multipart-uploads/{id}", id) => self.abort(request, id).await,
            ("POST", "/multipart-uploads/{id}/parts", id) => self.sign(request, id).await,
            ("POST", "/multipart-uploads/{id}/complete", id) => self.complete(request, id).await,
            _ => Err(Error::no_route()),
        }
    }
}

fn parsed(id: &str) -> Result<FileId, Error> {
    FileId::parse(id).ok_or_else(no_upload)
}

/// One error for an upload that does not exist, is not open, or belongs to another user.
fn no_upload() -> Error {
    Error::new(
        Code::NotFound,
        "There is no such upload, or it is over. Complete it to learn whether it became a file; else begin a new one.",
    )
}
