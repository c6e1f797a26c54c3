//! `DELETE /files/{id}` and `POST /files/delete`: hide files at once, then remove their objects.
//!
//! The statement that turns a row into a tombstone is the delete. If removing the object fails, the
//! response is still 200, and `maintain` removes the object later. A tombstone also keeps an upload
//! URL that is still valid from bringing the file back.
//!
//! ```text
//! POST /files/delete {"ids": ["01890a5d-ac96-774b-bcce-b302099a8057", "unknown"]}
//! 200 {"success": true, "deleted": ["01890a5d-ac96-774b-bcce-b302099a8057"], "missing": ["unknown"]}
//! ```

use serde::{Deserialize, Serialize};
use slipway_api::{Counts, Entries, Function, Reply, Request, Spent};
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::{MAX_BATCH_DELETE, MAX_ID_CHARS};
use slipway_core::{Error, FileId};
use slipway_db::Hidden;
use slipway_record::Stores;

/// The context of the function: the bucket and Postgres.
#[derive(Debug)]
pub struct Delete {
    stores: Stores,
}

#[derive(Deserialize)]
struct Body {
    ids: Entries<String, MAX_BATCH_DELETE>,
}

#[derive(Serialize)]
struct Done {
    success: bool,
}

#[derive(Serialize)]
struct DoneMany<'a> {
    success: bool,
    deleted: Vec<&'a str>,
    missing: Vec<&'a str>,
}

impl Delete {
    /// Reads the addresses of the bucket and of Postgres.
    pub async fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            stores: Stores::from_env(env).await?,
        })
    }

    async fn one(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let id = FileId::parse(id).ok_or_else(Error::not_found)?;
        let hidden = self.stores.db.delete_files(request.user(), &[id]).await?;
        let file = hidden.first().ok_or_else(Error::not_found)?;
        if file.has_preview {
            self.remove(&hidden).await;
        } else if let Err(error) = self.stores.bucket.delete(&file.key).await {
            // The row is a tombstone, so the file is already hidden. maintain removes the object.
            tracing::warn!(
                fileId = %id,
                code = error.code().as_str(),
                cause = error.causes(),
                s3RequestId = error.s3_request(),
                "the object remains; maintain removes it"
            );
        }
        Ok(Reply::ok(&Done { success: true })?.counting(count(1)))
    }

    async fn many(&self, request: &Request) -> Result<Reply, Error> {
        let Body { ids: Entries(ids) } = request.json()?;
        if ids.is_empty() {
            return Err(Error::invalid_request(format!(
                "ids must have 1 to {MAX_BATCH_DELETE} entries."
            )));
        }
        // The response repeats every id. Above Lambda's limit it would be lost after the delete.
        if let Some(at) = ids.iter().position(|id| id.chars().count() > MAX_ID_CHARS) {
            return Err(Error::invalid_request(format!(
                "ids[{at}] must have at most {MAX_ID_CHARS} characters."
            )));
        }
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut seen = std::collections::HashSet::new();
        ids.retain(|id| seen.insert(*id));
        // A string that does not parse as a `FileId` cannot name a file, so it is missing.
        let ours: Vec<FileId> = ids.iter().filter_map(|id| FileId::parse(id)).collect();
        request.concerns(ours.iter().copied());
        let hidden = if ours.is_empty() {
            Vec::new()
        } else {
            self.stores.db.delete_files(request.user(), &ours).await?
        };
        // Log only the ids that were deleted, so that one log line names the delete of each file.
        request.concerns(hidden.iter().map(|file| file.id));
        self.remove(&hidden).await;

        let gone: std::collections::HashSet<FileId> = hidden.iter().map(|file| file.id).collect();
        let (deleted, missing) = ids
            .into_iter()
            .partition(|id| FileId::parse(id).is_some_and(|id| gone.contains(&id)));
        let reply = Reply::ok(&DoneMany {
            success: true,
            deleted,
            missing,
        })?;
        Ok(reply.counting(count(hidden.len())))
    }

    /// Removes the objects of files and their previews, in one request for up to 1,000 objects.
    async fn remove(&self, hidden: &[Hidden]) {
        if hidden.is_empty() {
            return;
        }
        let files = hidden.iter().map(|file| (&file.key, file.has_preview));
        match self.stores.bucket.delete_files(files).await {
            Ok(remaining) => {
                for file in hidden {
                    if let Some(code) = remaining.code(&file.key) {
                        tracing::warn!(fileId = %file.id, s3Code = code, "the object remains; maintain removes it");
                    }
                }
            }
            Err(error) => tracing::warn!(
                remaining = hidden.len(),
                code = error.code().as_str(),
                cause = error.causes(),
                s3RequestId = error.s3_request(),
                "objects remain; maintain removes them"
            ),
        }
    }
}

impl Function for Delete {
    fn spent(&self) -> Spent {
        self.stores.spent()
    }

    async fn handle(&self, request: &Request) -> Result<Reply, Error> {
        match request.route() {
            ("DELETE", "/files/{id}", id) => self.one(request, id).await,
            ("POST", "/files/delete", _) => self.many(request).await,
            _ => Err(Error::no_route()),
        }
    }
}

fn count(deleted: usize) -> Counts {
    Counts {
        deleted: deleted as u64,
        ..Counts::default()
    }
}
