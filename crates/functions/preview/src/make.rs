//! The steps for one file.

use slipway_core::{Error, FileRow, ScanStatus, UrlBlocked};
use slipway_db::FileState;
use slipway_picture::{Format, MAX_BYTES, Preview, Reason, preview};

use crate::report::Finding;
use crate::{MakePreviews, Task};

/// How often the steps are repeated while the file changes.
const LOOKS: u32 = 5;

/// From this delivery on, a file without a row is not waited for. The schedule finds it later.
const PATIENCE: u32 = 3;

const STEP: &str = "make a preview";

impl MakePreviews {
    /// Makes the preview of a file, or stores why it has none.
    pub(crate) async fn decide(&self, task: &Task<'_>) -> Result<Finding, Error> {
        let decided = self.decide_unnamed(task).await;
        decided.map_err(|error| error.of_file(&task.key))
    }

    async fn decide_unnamed(&self, task: &Task<'_>) -> Result<Finding, Error> {
        let (key, stores) = (&task.key, &self.stores);
        // Whether this call has written a preview without a decision, and whether any may have.
        let mut has_written = false;
        let mut is_repeated = task.deliveries > 1;
        for _ in 0..LOOKS {
            let row = match stores.db.file_state(key.owner(), key.id()).await? {
                FileState::Live(row) if row.object_key == *key => row,
                FileState::Live(_) => return Ok(Finding::Foreign),
                FileState::Unknown if task.deliveries < PATIENCE && !has_written => {
                    return Err(Error::unavailable(STEP, "the file is not recorded yet"));
                }
                FileState::Unknown => {
                    if is_repeated {
                        stores.bucket.delete(&key.preview()).await?;
                    }
                    return Ok(Finding::Gone);
                }
                // The event may be of an object that was refused and that replaced a picture.
                FileState::Tombstone(_) => {
                    stores.bucket.delete(&key.preview()).await?;
                    return Ok(Finding::Gone);
                }
            };
            if !Format::accepts(&row.content_type) {
                if row.preview_etag.is_none() {
                    return Ok(Finding::Other);
                }
                // The file was a picture before it was replaced.
                self.refuse(&row, &Reason::NotAPicture).await?;
                return Ok(Finding::Other);
            }
            if self.is_blocked(&row, task) {
                return Ok(Finding::Unscanned);
            }
            if row.is_preview_decided() && !is_repeated {
                // The event may be of a later upload, which is not recorded yet.
                return match stores.bucket.head(key).await? {
                    Some(object) if object.etag != row.etag && task.deliveries < PATIENCE => {
                        Err(Error::unavailable(STEP, "the row is behind the object"))
                    }
                    _ => Ok(Finding::Unchanged),
                };
            }
            if row.is_preview_decided() && row.preview_error.is_some() {
                // It is not tried again, but an interrupted attempt may have left a preview of the
                // previous object.
                stores.bucket.delete(&key.preview()).await?;
                return Ok(Finding::Unchanged);
            }
            let finding = match self.make(&row).await? {
                Made::Preview(preview) => {
                    self.put(&row, preview).await?;
                    has_written = true;
                    Finding::Made
                }
                Made::Reason(reason) => {
                    if self.refuse(&row, &reason).await? {
                        log_refused(&row, &reason);
                        return Ok(Finding::Refused);
                    }
                    is_repeated = true;
                    continue;
                }
                // The row is behind the object, or its object is gone.
                Made::Changed if task.deliveries < PATIENCE => {
                    return Err(Error::unavailable(
                        STEP,
                        "the object is not that of the row",
                    ));
                }
                Made::Changed => return Ok(Finding::Gone),
            };
            if stores.db.decide_preview(&row, None).await? {
                return Ok(finding);
            }
            is_repeated = true;
        }
        Err(Error::unavailable(STEP, "the file kept changing"))
    }

    /// Whether the file must not be read by anyone yet. The scanner's event may arrive before the
    /// row has its result.
    fn is_blocked(&self, row: &FileRow, task: &Task<'_>) -> bool {
        let told = task.scan.filter(|(etag, _)| *etag == row.etag);
        let is_clean = told.is_some_and(|(_, status)| status == ScanStatus::NoThreats)
            && row.scan_status.is_none();
        self.requires_scan && !is_clean && UrlBlocked::by(row.scan_status).is_some()
    }

    async fn make(&self, row: &FileRow) -> Result<Made, Error> {
        if row.size > MAX_BYTES {
            return Ok(Made::Reason(Reason::TooLarge));
        }
        let size = usize::try_from(row.size).unwrap_or(usize::MAX);
        let bucket = &self.stores.bucket;
        let Some(file) = bucket
            .get_unchanged(&row.object_key, &row.etag, size)
            .await?
        else {
            return Ok(Made::Changed);
        };
        if file.len() != size {
            return Err(Error::unavailable(STEP, "S3 sent a part of the object"));
        }
        // On a thread of its own, which catches a panic of a decoder.
        let made = tokio::task::spawn_blocking(move || preview(&file)).await;
        Ok(match made {
            Ok(Ok(preview)) => Made::Preview(preview),
            Ok(Err(reason)) => Made::Reason(reason),
            Err(_) => Made::Reason(Reason::Broken("the decoder failed".to_owned())),
        })
    }

    async fn put(&self, row: &FileRow, preview: Preview) -> Result<(), Error> {
        let content_type = preview.format.content_type();
        let bytes = preview.bytes.into();
        let bucket = &self.stores.bucket;
        bucket
            .put_preview(&row.object_key, content_type, bytes)
            .await
    }

    /// Removes the preview of earlier bytes, if there is one, and then stores the reason. Returns
    /// whether the file still has these bytes.
    ///
    /// The row may not say that there is a preview: a function was stopped after it wrote one, or
    /// the table was lost.
    async fn refuse(&self, row: &FileRow, reason: &Reason) -> Result<bool, Error> {
        self.stores.bucket.delete(&row.object_key.preview()).await?;
        let reason = reason.to_string();
        self.stores.db.decide_preview(row, Some(&reason)).await
    }
}

/// The result of decoding.
enum Made {
    Preview(Preview),
    Reason(Reason),
    /// The object does not have the `ETag` of the row.
    Changed,
}

/// Logs the reason once: the decision is stored, and not made again for the same bytes.
fn log_refused(row: &FileRow, reason: &Reason) {
    tracing::info!(
        fileId = %row.id,
        owner = row.object_key.owner().fingerprint(),
        size = row.size,
        reason = reason.to_string(),
        metric.PreviewsRefused = 1_u64,
        "no preview"
    );
}
