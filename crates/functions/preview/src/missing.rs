//! Makes the previews that are missing: of files that are older than previews are on, and of those
//! whose event was lost.

use serde_json::{Value, json};
use slipway_core::ObjectKey;
use tokio::time::Instant;

use crate::report::{Finding, Report};
use crate::{MakePreviews, Task};

/// The number of files that are read at once.
const PAGE: u32 = 100;

impl MakePreviews {
    /// Makes missing previews until `deadline`. The answer says whether some are left.
    ///
    /// A file that fails is left to the next run. One whose object is not that of its row is left to
    /// its event.
    pub(crate) async fn make_missing(
        &self,
        deadline: Instant,
        report: &mut Report,
    ) -> Result<Value, lambda_runtime::Error> {
        let mut after = None;
        if !self.is_on {
            return Ok(json!({ "left": false }));
        }
        loop {
            let page = self.stores.db.without_preview(after, PAGE).await;
            let page = page.map_err(|error| error.causes().clone())?;
            let Some(last) = page.last() else { break };
            after = Some(last.id());
            for key in page {
                if Instant::now() >= deadline {
                    return Ok(json!({ "left": true }));
                }
                let task = task(key);
                let finding = self.attempt(&task, deadline).await;
                report.count(finding.unwrap_or(Finding::Failed));
            }
        }
        Ok(json!({ "left": false }))
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
