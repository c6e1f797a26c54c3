//! Multipart uploads that end: those that nobody finished, and rows of those that are over.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Error, FileId, ObjectKey};
use slipway_db::maintain::OldUpload;
use slipway_record::Outcome;
use slipway_s3::{OpenUpload, denied};
use time::OffsetDateTime;

use crate::report::Count;
use crate::{Deadline, Maintain, Options, Report};

/// How many rows are taken at once.
const PAGE: u32 = 1000;

/// An upload that was begun longer ago is abandoned.
pub const UPLOAD_AGE: Duration = Duration::from_hours(7 * 24);

/// One that was given up keeps its row so long: giving it up may be repeated.
pub const ABORTED_AGE: Duration = Duration::from_hours(24);

/// One run over the rows, and then over S3's open uploads. What is ended is in neither list any more, so a run
/// that was stopped needs no checkpoint. Every step may be repeated and left at any point: a row goes only after S3
/// has given up its upload and has said whether there is an object.
pub(crate) struct Uploads<'a> {
    pub(crate) maintain: &'a Maintain,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
}

/// What became of one.
struct End {
    /// S3 still had it.
    aborted: bool,
    /// There was a file of which nobody had heard.
    recorded: bool,
}

impl Uploads<'_> {
    /// Answers whether it came to the end before the deadline.
    pub(crate) async fn run(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        // Where the whole bucket is missing, S3 would know no upload and no object.
        self.maintain.stores.bucket.list_after("", 1).await?;
        Ok(self.rows(deadline).await? && self.strays(deadline).await?)
    }

    /// Rows whose file is recorded, that are too old, or that were given up a while ago.
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

    /// Ends these uploads in S3, and returns those whose row may go.
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

    /// Gives it up, and looks whether completing was faster: then the file is recorded, and nothing is lost.
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

    /// S3's open uploads that have no row and are old: of a call that was cut short, or from before the table was
    /// lost. Those that have a row were the rows' affair; those under foreign keys are nobody's of ours.
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

    /// Those of ours that are old and that no row knows.
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

    /// Leaves an upload to the next run, or fails where S3 refuses the credentials: the others would fail as well.
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
