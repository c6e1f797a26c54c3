//! Aborts abandoned multipart uploads, and drops the rows of uploads that have ended.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Error, FileId, ObjectKey};
use slipway_db::maintain::OldUpload;
use slipway_record::Outcome;
use slipway_s3::{OpenUpload, denied};
use time::OffsetDateTime;

use crate::report::Count;
use crate::{Deadline, Maintain, Options, Report};

/// The number of rows in one page.
const PAGE: u32 = 1000;

/// The age at which an upload counts as abandoned.
pub const UPLOAD_AGE: Duration = Duration::from_hours(7 * 24);

/// The time for which an aborted upload keeps its row, because the abort may be repeated.
pub const ABORTED_AGE: Duration = Duration::from_hours(24);

/// One run over the rows, and then over S3's open uploads. An upload that has ended is in neither
/// list, so an interrupted run needs no checkpoint. Each step can be repeated and interrupted at
/// any point: a row is dropped only after S3 has aborted its upload and a HEAD has shown whether
/// there is an object.
pub(crate) struct Uploads<'a> {
    pub(crate) maintain: &'a Maintain,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
}

/// The result of ending one upload.
struct End {
    /// The upload was still open in S3.
    aborted: bool,
    /// The upload had been completed without a row, and its file was recorded.
    recorded: bool,
}

impl Uploads<'_> {
    /// Returns `false` if the deadline passed first.
    pub(crate) async fn run(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        // If the bucket itself were missing, S3 would report neither uploads nor objects.
        self.maintain.stores.bucket.list_after("", 1).await?;
        Ok(self.rows(deadline).await? && self.strays(deadline).await?)
    }

    /// Processes the rows whose file is recorded, that are too old, or whose upload was aborted a
    /// while ago.
    async fn rows(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let mut after = None;
        loop {
            if deadline.has_passed() {
                return Ok(false);
            }
            let page = self
                .maintain
                .db
                .old_uploads(after, UPLOAD_AGE, ABORTED_AGE, PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            after = Some(last.id);
            if !self.options.apply {
                self.report
                    .count_keys(Count::Closed, page.iter().map(|one| one.key.as_str()));
                continue;
            }
            let Some(closed) = deadline.limit(self.end(&page)).await else {
                return Ok(false);
            };
            let closed = closed?;
            self.maintain.db.drop_uploads(&closed).await?;
            let closed = page.iter().filter(|one| closed.contains(&one.id));
            self.report
                .count_keys(Count::Closed, closed.map(|one| one.key.as_str()));
        }
    }

    /// Ends these uploads in S3, and returns the ids of the rows to drop.
    async fn end(&self, page: &[OldUpload]) -> Result<Vec<FileId>, Error> {
        let mut ends = stream::iter(page)
            .map(async |upload| {
                let end = self.end_one(upload).await;
                (upload, end.map_err(|error| error.of_file(&upload.key)))
            })
            .buffer_unordered(self.options.pace.heads);
        let mut closed = Vec::with_capacity(page.len());
        while let Some((upload, end)) = ends.next().await {
            let key = upload.key.as_str();
            match end {
                Ok(End { aborted, recorded }) => {
                    let aborted = aborted.then_some(key);
                    self.report.count_keys(Count::Aborted, aborted.into_iter());
                    let recorded = recorded.then_some(key);
                    self.report
                        .count_keys(Count::Recorded, recorded.into_iter());
                    closed.push(upload.id);
                }
                Err(error) => self.failed(error, key)?,
            }
        }
        Ok(closed)
    }

    /// Aborts the upload and then records the object, if there is one: a client may have completed
    /// the upload before the abort.
    async fn end_one(&self, upload: &OldUpload) -> Result<End, Error> {
        let recorder = self.maintain.recorder();
        let bucket = &self.maintain.stores.bucket;
        let aborted = bucket.abort_upload(&upload.key, &upload.upload_id).await?;
        let new =
            !upload.recorded && matches!(recorder.record(&upload.key).await?, Outcome::Created(_));
        Ok(End {
            aborted,
            recorded: new,
        })
    }

    /// Aborts S3's open uploads that have no row and are old. They remain from an interrupted
    /// request, or from before the table was lost. Uploads with a row were processed before, and
    /// uploads under foreign keys are never aborted.
    async fn strays(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let bucket = &self.maintain.stores.bucket;
        let mut after = None;
        loop {
            if deadline.has_passed() {
                return Ok(false);
            }
            let page = bucket
                .open_uploads("", after.as_ref(), self.options.pace.page)
                .await?;
            let strays = self.without_row(&page.uploads).await?;
            if self.options.apply {
                let Some(done) = deadline.limit(self.abort(&strays)).await else {
                    return Ok(false);
                };
                done?;
            } else {
                self.report
                    .count_keys(Count::Aborted, strays.iter().map(|(key, _)| key.as_str()));
            }
            after = page.next;
            if after.is_none() {
                return Ok(true);
            }
        }
    }

    /// The uploads of `page` that are old, have a key of Slipway and have no row.
    async fn without_row<'a>(
        &self,
        page: &'a [OpenUpload],
    ) -> Result<Vec<(ObjectKey, &'a str)>, Error> {
        let old = OffsetDateTime::now_utc() - UPLOAD_AGE;
        let mut ours = Vec::new();
        for upload in page.iter().filter(|upload| upload.initiated < old) {
            match ObjectKey::parse(&upload.key) {
                Ok(key) => ours.push((key, upload.upload_id.as_str())),
                Err(_) => self
                    .report
                    .count_keys(Count::Foreign, std::iter::once(upload.key.as_str())),
            }
        }
        if ours.is_empty() {
            return Ok(ours);
        }
        let ids: Vec<_> = ours.iter().map(|(key, name)| (key.id(), *name)).collect();
        let known = self.maintain.db.known_uploads(&ids).await?;
        ours.retain(|(_, upload_id)| !known.contains(*upload_id));
        Ok(ours)
    }

    async fn abort(&self, strays: &[(ObjectKey, &str)]) -> Result<(), Error> {
        let bucket = &self.maintain.stores.bucket;
        let mut aborts = stream::iter(strays)
            .map(async |(key, upload_id)| {
                let aborted = bucket.abort_upload(key, upload_id).await;
                (key, aborted.map_err(|error| error.of_file(key)))
            })
            .buffer_unordered(self.options.pace.heads);
        while let Some((key, aborted)) = aborts.next().await {
            match aborted {
                Ok(aborted) => {
                    let aborted = aborted.then_some(key.as_str());
                    self.report.count_keys(Count::Aborted, aborted.into_iter());
                }
                Err(error) => self.failed(error, key.as_str())?,
            }
        }
        Ok(())
    }

    /// Logs a failure and leaves the upload to the next run. Fails if S3 refuses the credentials,
    /// because every other request would fail as well.
    fn failed(&self, error: Error, key: &str) -> Result<(), Error> {
        if denied(&error) {
            return Err(error);
        }
        tracing::warn!(
            fileId = error.file().map(tracing::field::display),
            owner = error.owner(),
            code = error.code().as_str(),
            cause = error.causes(),
            s3RequestId = error.s3_request(),
            "left to the next run"
        );
        self.report.count_keys(Count::Failed, std::iter::once(key));
        Ok(())
    }
}
