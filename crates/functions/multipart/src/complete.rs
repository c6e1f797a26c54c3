//! From parts to a file.

use std::time::Duration;

use serde::Serialize;
use slipway_api::{Counts, FileBody, Reply, Request};
use slipway_core::{Code, Error, FileId, FileRow, Tombstone, UserId};
use slipway_db::{FileState, UploadRow};
use slipway_record::{Outcome, Refusal};
use slipway_s3::Completion;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use crate::{Multipart, no_upload, parsed};

#[derive(Serialize)]
struct Completing {
    success: bool,
    status: &'static str,
}

/// How long S3 may take to put the parts together: 25 of the 28.5 seconds that a warm function has. What remains
/// is for recording the file.
fn patience(left: Duration) -> Duration {
    left * 7 / 8
}

impl Multipart {
    /// Parts are checked against what S3 lists, never against what a client says. However S3 then answers, what is
    /// recorded and answered is what a look at the object tells.
    pub(crate) async fn complete(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let until = Instant::now() + patience(request.time_left());
        let (user, id) = (request.user(), parsed(id)?);
        let upload = self.stores.db.find_upload(user, id).await?;
        let Some(upload) = upload else {
            return self.over(user, id).await;
        };
        if !upload.open {
            // S3 may have said "no such upload" of one that it was still putting together.
            return self.finish(&upload, Ok(Completion::NoSuchUpload)).await;
        }
        let (bucket, key) = (&self.stores.bucket, &upload.object_key);
        let Some(mut there) = bucket.list_parts(key, &upload.upload_id).await? else {
            return self.finish(&upload, Ok(Completion::NoSuchUpload)).await;
        };
        let lengths = there.iter().map(|part| (part.number, part.size));
        upload.parts.check(lengths)?;
        there.retain(|part| part.number <= upload.parts.count());
        let completing = bucket.complete_upload(key, &upload.upload_id, &there, self.write_once);
        match timeout_at(until, Box::pin(completing)).await {
            Ok(answer) => self.finish(&upload, answer).await,
            // S3 goes on with it: the next call, or the event, finds the file.
            Err(_) => Reply::accepted(&Completing {
                success: true,
                status: "completing",
            }),
        }
    }

    /// The truth, by a look at the object, whatever S3 has answered.
    async fn finish(
        &self,
        upload: &UploadRow,
        answer: Result<Completion, Error>,
    ) -> Result<Reply, Error> {
        let (user, id) = (upload.object_key.owner(), upload.id);
        let reply = match self.recorder().record(&upload.object_key).await? {
            Outcome::Created(row) => {
                let counts = Counts {
                    recorded: 1,
                    uploaded_bytes: row.size,
                    ..Counts::default()
                };
                Ok(self.completed(201, &row)?.counting(counts))
            }
            Outcome::Existing(row) => self.completed(200, &row),
            Outcome::Deleted => Err(gone(Tombstone::Deleted)),
            Outcome::Refused(refusal) => Err(refusal.into()),
            Outcome::Missing => return self.missing(user, id, answer).await,
        };
        if matches!(answer, Ok(Completion::ObjectExists)) {
            // Nobody needs the parts any more. Without this they would stay for a week.
            let bucket = &self.stores.bucket;
            if let Err(error) = bucket
                .abort_upload(&upload.object_key, &upload.upload_id)
                .await
            {
                tracing::warn!(
                    fileId = %id,
                    code = error.code().as_str(),
                    cause = error.causes(),
                    s3RequestId = error.s3_request(),
                    "parts remain; maintain removes them"
                );
            }
        }
        self.forget(user, id).await;
        reply
    }

    /// There is no object: not yet, or not any more.
    async fn missing(
        &self,
        user: &UserId,
        id: FileId,
        answer: Result<Completion, Error>,
    ) -> Result<Reply, Error> {
        if let FileState::Tombstone(why) = self.stores.db.file_state(user, id).await? {
            self.forget(user, id).await;
            return Err(gone(why));
        }
        if answer? != Completion::NoSuchUpload {
            let cause = "S3 did not complain, and there is no object";
            return Err(Error::unavailable("complete an upload", cause));
        }
        // Somebody gave it up, or a lifecycle rule did. To give it up again is still fine.
        self.stores.db.mark_aborted(user, id).await?;
        Err(no_upload())
    }

    /// What became of an upload that is not open.
    async fn over(&self, user: &UserId, id: FileId) -> Result<Reply, Error> {
        match self.stores.db.file_state(user, id).await? {
            FileState::Live(row) => {
                self.forget(user, id).await;
                self.completed(200, &row)
            }
            FileState::Tombstone(why) => Err(gone(why)),
            FileState::Unknown => Err(no_upload()),
        }
    }

    fn completed(&self, status: u16, row: &FileRow) -> Result<Reply, Error> {
        let window = self.reads.window(OffsetDateTime::now_utc());
        Reply::file(
            status,
            &FileBody::new(row, self.reads.get(row, false, &window)),
        )
    }

    /// A row of an upload whose file is recorded does no harm: nobody is shown it, and `maintain` drops it.
    pub(crate) async fn forget(&self, user: &UserId, id: FileId) {
        if let Err(error) = self.stores.db.forget_upload(user, id).await {
            tracing::warn!(
                fileId = %id,
                code = error.code().as_str(),
                cause = error.causes(),
                "its row remains; maintain drops it"
            );
        }
    }
}

/// Why there is a tombstone: the file was refused before, or its owner deleted it.
fn gone(why: Tombstone) -> Error {
    Refusal::of(why).map_or_else(
        || {
            Error::new(
                Code::FileDeleted,
                "This file was deleted. Begin a new upload to have it again.",
            )
        },
        Error::from,
    )
}
