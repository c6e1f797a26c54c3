//! Completes an upload: turns its parts into a file.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use slipway_api::{Counts, FileBody, Reply, Request};
use slipway_core::{Code, Crc64Nvme, Error, FileId, FileRow, Tombstone, UserId};
use slipway_db::{FileState, UploadRow};
use slipway_record::{Outcome, Refusal};
use slipway_s3::{Completion, Conditions};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use crate::{Multipart, no_upload, parsed};

/// The body may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    checksum_crc64nvme: Option<String>,
}

#[derive(Serialize)]
struct Completing {
    success: bool,
    status: &'static str,
}

/// The time that S3 may take to assemble the parts: 25 of the 28.5 seconds of a warm function. The
/// rest is for recording the file.
fn completion_limit(left: Duration) -> Duration {
    left * 7 / 8
}

impl Multipart {
    /// Parts are checked against S3's list of parts, never against the client's request. Whatever
    /// S3 then answers, a HEAD of the object decides the record and the response.
    pub(crate) async fn complete(&self, request: &Request, id: &str) -> Result<Reply, Error> {
        let until = Instant::now() + completion_limit(request.time_left());
        let (user, id) = (request.user(), parsed(id)?);
        let checksum = checksum(request)?;
        let upload = self.stores.db.find_upload(user, id).await?;
        let Some(upload) = upload else {
            return self.over(user, id, checksum).await;
        };
        if !upload.open {
            // S3 may have answered "no such upload" for an upload that it was still assembling.
            return self
                .finish(&upload, checksum, Ok(Completion::NoSuchUpload))
                .await;
        }
        let (bucket, key) = (&self.stores.bucket, &upload.object_key);
        let Some(mut there) = bucket.list_parts(key, &upload.upload_id).await? else {
            return self
                .finish(&upload, checksum, Ok(Completion::NoSuchUpload))
                .await;
        };
        let lengths = there.iter().map(|part| (part.number, part.size));
        upload.parts.check(lengths)?;
        there.retain(|part| part.number <= upload.parts.count());
        self.stores.db.claim_completion(user, id, checksum).await?;
        let conditions = Conditions {
            write_once: self.is_write_once(&upload),
            checksum,
        };
        let completing = bucket.complete_upload(key, &upload.upload_id, &there, conditions);
        match timeout_at(until, Box::pin(completing)).await {
            // Nothing was stored, and the client can upload parts again.
            Ok(Ok(Completion::ChecksumMismatch)) => Err(mismatch()),
            Ok(answer) => self.finish(&upload, checksum, answer).await,
            // S3 continues to assemble the parts. The next call, or the event, finds the file.
            Err(_) => Reply::accepted(&Completing {
                success: true,
                status: "completing",
            }),
        }
    }

    /// Records the object by a HEAD, whatever S3 has answered to the completion.
    async fn finish(
        &self,
        upload: &UploadRow,
        checksum: Option<Crc64Nvme>,
        answer: Result<Completion, Error>,
    ) -> Result<Reply, Error> {
        let (user, id) = (upload.object_key.owner(), upload.id);
        let outcome = self.recorder().record(&upload.object_key).await?;
        if matches!(answer, Ok(Completion::ObjectExists))
            && let Outcome::Created(row) | Outcome::Existing(row) = &outcome
            && differs(row, checksum)
        {
            // The object is not made of these parts, so its owner keeps it.
            return Err(Error::new(
                Code::ChecksumMismatch,
                "The file was uploaded before, with other bytes. It stays as it is; abort this upload.",
            ));
        }
        let reply = match self.compared(upload, outcome, checksum).await? {
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
            // The parts are not needed any more. Without this abort they would stay for a week.
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

    /// Refuses a file whose bytes do not have `checksum`, for S3 servers that ignore the checksum
    /// at completion. The event may have recorded the file already. Without a CRC-64/NVME from the
    /// server there is nothing to compare.
    ///
    /// Only the first completion refuses the file, or its retry, which names the same checksum. For
    /// a later one with another checksum the file stays: the first one, or a later one with the
    /// right checksum, may have returned it to a client. If there was no completion before, the
    /// client's call is the first one.
    async fn compared(
        &self,
        upload: &UploadRow,
        outcome: Outcome,
        checksum: Option<Crc64Nvme>,
    ) -> Result<Outcome, Error> {
        let (Outcome::Created(row) | Outcome::Existing(row)) = &outcome else {
            return Ok(outcome);
        };
        if !differs(row, checksum) {
            return Ok(outcome);
        }
        let (db, user) = (&self.stores.db, upload.object_key.owner());
        if !db.claim_completion(user, upload.id, checksum).await? {
            return Err(completed_otherwise());
        }
        let why = Tombstone::ChecksumMismatch;
        let is_refused = self.recorder().refuse(row, why).await?;
        Ok(if is_refused {
            Outcome::Refused(Refusal::ChecksumMismatch)
        } else {
            outcome
        })
    }

    /// Handles a missing object: it does not exist yet, or not any more.
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
        // A client or a lifecycle rule aborted the upload. Aborting it again is safe.
        self.stores.db.mark_aborted(user, id).await?;
        Err(no_upload())
    }

    /// Answers for an upload that is not open.
    ///
    /// A recorded file stays, even if it does not have `checksum`: an earlier call completed it.
    async fn over(
        &self,
        user: &UserId,
        id: FileId,
        checksum: Option<Crc64Nvme>,
    ) -> Result<Reply, Error> {
        match self.stores.db.file_state(user, id).await? {
            FileState::Live(row) if differs(&row, checksum) => Err(completed_otherwise()),
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
            &FileBody::new(
                row,
                self.reads.get(row, false, &window),
                self.reads.preview(row, &window),
            ),
        )
    }

    /// A leftover row of an upload whose file is recorded is harmless: it is not listed, and
    /// `maintain` drops it.
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

/// The checksum that the client sends, if any.
fn checksum(request: &Request) -> Result<Option<Crc64Nvme>, Error> {
    let body: Body = request.json_or_default()?;
    let parse = |text: String| {
        Crc64Nvme::from_base64(&text).ok_or_else(|| {
            Error::invalid_request(
                "checksumCrc64nvme must be the CRC-64/NVME of the file, 8 bytes in base64 with padding.",
            )
        })
    };
    body.checksum_crc64nvme.map(parse).transpose()
}

fn differs(row: &FileRow, checksum: Option<Crc64Nvme>) -> bool {
    let stored = row.checksum_crc64nvme;
    matches!((stored, checksum), (Some(stored), Some(given)) if stored != given)
}

fn mismatch() -> Error {
    Error::new(
        Code::ChecksumMismatch,
        "The parts do not have checksumCrc64nvme together. Send again the parts that differ, and complete the upload again.",
    )
}

fn completed_otherwise() -> Error {
    Error::new(
        Code::ChecksumMismatch,
        "The upload was completed before, and the file does not have checksumCrc64nvme. It stays as it is.",
    )
}

/// The reason of a tombstone: the file was refused before, or its owner deleted it.
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
