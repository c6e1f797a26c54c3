//! Confirming several uploads at once: a result for each key, in the order of the request.

use std::collections::HashMap;

use slipway_api::{Counts, FileBody, JsonBody, Reply, Request};
use slipway_core::limits::MAX_BATCH_CONFIRM;
use slipway_core::{Error, FileId, FileRow, ObjectKey};
use slipway_db::{FileState, FileStates};
use slipway_record::{Outcome, Recorder};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{SaveMetadata, deleted, no_object, own_key};

/// The result of a key.
type Saved = Result<FileRow, Error>;

impl SaveMetadata {
    /// A fault of one key is the result of that key. The request fails only if Postgres does not
    /// answer.
    pub(crate) async fn save_many(
        &self,
        request: &Request,
        texts: &[String],
    ) -> Result<Reply, Error> {
        if texts.is_empty() {
            return Err(Error::invalid_request(format!(
                "objectKeys must have 1 to {MAX_BATCH_CONFIRM} entries."
            )));
        }
        // S3 gets two thirds of the remaining time. Postgres and the response get the rest.
        let until = Instant::now() + request.time_left() * 2 / 3;
        let mut results: HashMap<&str, Saved> = HashMap::new();
        let mut keys: Vec<ObjectKey> = Vec::new();
        let mut counts = Counts::default();
        for text in texts {
            match own_key(text, request.user()) {
                Ok(key) if !keys.contains(&key) => keys.push(key),
                Ok(_) => {}
                Err(error) => drop(results.insert(text, Err(error))),
            }
        }
        request.concerns(keys.iter().map(ObjectKey::id));
        let recorder = Recorder::new(&self.stores, &self.settings);
        let outcomes = recorder.confirm(request.user(), &keys, until).await?;
        let mut states = self.states_of_missing(request, &keys, &outcomes).await?;
        for (key, outcome) in keys.iter().zip(outcomes) {
            let saved = match outcome {
                Ok(Outcome::Created(row)) => {
                    counts.recorded += 1;
                    counts.uploaded_bytes += row.size;
                    Ok(row)
                }
                Ok(Outcome::Existing(row)) => Ok(row),
                Ok(Outcome::Missing) => match states.remove(&key.id()).transpose() {
                    Ok(state) => Err(no_object(&state.unwrap_or(FileState::Unknown))),
                    Err(error) => Err(logged(error.of_file(key))),
                },
                Ok(Outcome::Deleted) => Err(deleted()),
                Ok(Outcome::Refused(refusal)) => Err(refusal.into()),
                Err(error) => Err(logged(error)),
            };
            results.insert(key.as_str(), saved);
        }
        Ok(Reply::written(self.written(texts, &results)?).counting(counts))
    }

    /// The states in Postgres of the files without an object: deleted, refused, or not uploaded
    /// yet.
    async fn states_of_missing(
        &self,
        request: &Request,
        keys: &[ObjectKey],
        outcomes: &[Result<Outcome, Error>],
    ) -> Result<FileStates, Error> {
        let missing: Vec<FileId> = keys
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| matches!(outcome, Ok(Outcome::Missing)))
            .map(|(key, _)| key.id())
            .collect();
        if missing.is_empty() {
            return Ok(FileStates::new());
        }
        self.stores.db.file_states(request.user(), &missing).await
    }

    fn written(&self, texts: &[String], results: &HashMap<&str, Saved>) -> Result<JsonBody, Error> {
        let window = self.urls.window(OffsetDateTime::now_utc());
        let mut body = JsonBody::with_capacity(texts.len() * FileBody::BYTES);
        body.raw(r#"{"success":true,"results":["#);
        for (at, text) in texts.iter().enumerate() {
            let Some(result) = results.get(text.as_str()) else {
                return Err(Error::internal(
                    "write the answer",
                    "a key without a result",
                ));
            };
            body.raw(if at == 0 { "{" } else { ",{" });
            body.key("objectKey");
            body.text(text)?;
            match result {
                Ok(row) => {
                    body.key("file");
                    FileBody::new(
                        row,
                        self.urls.get(row, false, &window),
                        self.urls.preview(row, &window),
                    )
                    .write(&mut body)?;
                }
                Err(error) => {
                    body.key("code");
                    body.text(error.code().as_str())?;
                    body.key("error");
                    body.text(error.client_message())?;
                }
            }
            body.raw("}");
        }
        body.raw("]}");
        Ok(body)
    }
}

/// Logs the fault of one key. The request itself succeeds, so no other line has the cause.
fn logged(error: Error) -> Error {
    if error.code().is_fault() {
        tracing::warn!(
            fileId = error.file().map(tracing::field::display),
            owner = error.owner(),
            code = error.code().as_str(),
            cause = error.causes(),
            s3RequestId = error.s3_request(),
            "not recorded"
        );
    }
    error
}
