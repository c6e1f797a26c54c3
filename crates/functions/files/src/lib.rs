//! `GET /files`, `GET /files/{id}` and `GET /usage`: one query to Postgres each, and signed read
//! URLs.
//!
//! A list is one backward scan of an index, and a page ends at 4 MB. Signing a URL needs no I/O.
//!
//! ```text
//! GET /files?limit=2&contentType=image/
//! 200 {"success": true, "files": [{"id": "…", "fileName": "photo.jpg", "url": "https://…", …}, …], "nextCursor": "…"}
//! ```

mod list;
mod name_query;
mod page_body;
mod query;

use serde::Serialize;
use slipway_api::{FileBody, Function, Reply, Request, Spent};
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::quota_bytes;
use slipway_core::{Error, FileId};
use slipway_db::Db;
use slipway_s3_urls::{Credentials, Location, ReadUrls, Signer, Window};
use time::OffsetDateTime;

/// What reading needs.
#[derive(Debug)]
pub struct Files {
    db: Db,
    urls: ReadUrls,
    quota_bytes: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageBody {
    success: bool,
    files: u64,
    bytes: u64,
    pending_bytes: u64,
    quota_bytes: Option<u64>,
}

impl Files {
    /// Reads where Postgres is, and how read URLs are signed; connects while Lambda still counts this as init.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let signer = Signer::new(Location::from_env(env)?, Credentials::for_reading(env)?);
        let files = Self {
            db: Db::new(slipway_db::Config::from_env(env)?)?,
            urls: ReadUrls::from_env(env, signer)?,
            quota_bytes: quota_bytes(env)?,
        };
        files.db.warm_up().await;
        Ok(files)
    }

    async fn one(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let download = match request.query("download")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Error::invalid_request("download must be true or false.")),
        };
        let window = self.window(request)?;
        let id = FileId::parse(id).ok_or_else(Error::not_found)?;
        let row = self
            .db
            .find_file(request.user(), id)
            .await?
            .ok_or_else(Error::not_found)?;
        let file = FileBody::new(
            &row,
            self.urls.get(&row, download, &window),
            self.urls.preview(&row, &window),
        );
        Reply::file(200, &file)
    }

    /// The window of the URLs of one file: exact if `urlSeconds` is given, else the current one.
    fn window(&self, request: &Request) -> Result<Window, Error> {
        let now = OffsetDateTime::now_utc();
        let Some(text) = request.query("urlSeconds")? else {
            return Ok(self.urls.window(now));
        };
        // Rust's parser accepts a leading plus sign, which the API does not.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = text.parse().ok().filter(|_| digits);
        let window = seconds.and_then(|seconds| self.urls.exactly(seconds, now));
        window.ok_or_else(|| {
            Error::invalid_request(format!(
                "urlSeconds must be a whole number from 1 to {}.",
                self.urls.max_seconds()
            ))
        })
    }

    async fn usage(&self, request: &Request) -> Result<Reply, Error> {
        let held = self.db.holdings(request.user()).await?;
        Reply::ok(&UsageBody {
            success: true,
            files: held.stored.files,
            bytes: held.stored.bytes,
            pending_bytes: held.pending_bytes,
            quota_bytes: self.quota_bytes,
        })
    }
}

impl Function for Files {
    fn spent(&self) -> Spent {
        Spent {
            postgres: self.db.clock().total(),
            ..Spent::default()
        }
    }

    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        match request.route() {
            ("GET", "/files", _) => list::list(&self.db, &self.urls, request).await,
            ("GET", "/files/{id}", id) => self.one(request, id).await,
            ("GET", "/usage", _) => self.usage(request).await,
            _ => Err(Error::no_route()),
        }
    }
}
