//! Makes the previews that are missing: of files that are older than previews are on, and of those
//! whose event was lost.

use serde_json::{Value, json};
use slipway_core::{FileId, ObjectKey};
use tokio::time::Instant;

use crate::report::{Finding, Report};
use crate::{MakePreviews, Task};

/// The number of files that are read at once.
const PAGE: u32 = 100;

impl MakePreviews {
    /// Makes missing previews until `deadline`. The answer says whether some are left.
    ///
    /// A run begins at a random file and continues at the first one after the last. Files that fail
    /// every time, such as archived ones, therefore do not keep all runs from the others.
    ///
    /// A file that fails is left to the next run. One whose object is not that of its row is left to
    /// its event.
    pub(crate) async fn make_missing(
        &self,
        deadline: Instant,
        report: &mut Report,
    ) -> Result<Value, lambda_runtime::Error> {
        let first = if self.is_on {
            self.page(None, 1).await?
        } else {
            Vec::new()
        };
        let Some(first) = first.first() else {
            return Ok(json!({ "left": false }));
        };
        let start = first.id().random_since();
        let mut is_done = true;
        for (after, end) in [(Some(start), None), (None, Some(start))] {
            is_done = is_done && self.make_range(after, end, deadline, report).await?;
        }
        Ok(json!({ "left": !is_done }))
    }

    /// Makes the missing previews of files with ids greater than `after`, up to `end`. Returns
    /// whether it got there before `deadline`.
    async fn make_range(
        &self,
        mut after: Option<FileId>,
        end: Option<FileId>,
        deadline: Instant,
        report: &mut Report,
    ) -> Result<bool, lambda_runtime::Error> {
        loop {
            let page = self.page(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            after = Some(last.id());
            for key in page {
                if end.is_some_and(|end| key.id() > end) {
                    return Ok(true);
                }
                if Instant::now() >= deadline {
                    return Ok(false);
                }
                let task = task(key);
                let finding = self.attempt(&task, deadline).await;
                report.count(finding.unwrap_or(Finding::Failed));
            }
        }
    }

    async fn page(
        &self,
        after: Option<FileId>,
        limit: u32,
    ) -> Result<Vec<ObjectKey>, lambda_runtime::Error> {
        let page = self.stores.db.without_preview(after, limit).await;
        Ok(page.map_err(|error| error.causes().clone())?)
    }
}

/// A file that no event is waited for. A preview of earlier bytes is replaced, as is one that was
/// written without a decision.
fn task(key: ObjectKey) -> Task<'static> {
    Task {
        key,
        scan: None,
        deliveries: u32::MAX,
    }
}
