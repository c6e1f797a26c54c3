//! Sweeps a range of keys: batch after batch, with a checkpoint after each.

mod batch;
mod dry;
mod merge;
mod previews;

use std::time::Duration;

use slipway_core::Error;
use slipway_db::maintain::{Checkpoint, Hold, Sweep};
use uuid::Uuid;

use crate::allowance::Allowance;
use crate::report::{Count, Tally};
use crate::{Deadline, Maintain, Options, Report};
use batch::BatchWorker;
use dry::Ledger;
use merge::Merge;

/// The time after which another worker may take over a sweep. A batch takes a second, or a minute
/// or two if S3 does not respond.
const LEASE: Duration = Duration::from_mins(5);

/// The number of users in one page.
const USERS: u32 = 1000;

/// One range of keys.
pub(crate) struct Range<'a> {
    pub(crate) maintain: &'a Maintain,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
    /// The rest of the allowance, which all ranges share.
    pub(crate) allowance: &'a Allowance<'a>,
    /// The sweep's name in the table of checkpoints.
    pub(crate) shard: String,
    /// Set if an empty table is rebuilt. Recorded usage is then ignored.
    pub(crate) is_empty: bool,
    /// Set for the range that also audits the users without keys.
    pub(crate) first: bool,
}

impl Range<'_> {
    /// Continues the sweep of the range from its checkpoint. Returns whether it reached the end.
    pub(crate) async fn run(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let own = Checkpoint {
            shard: self.shard.clone(),
            worker: Uuid::new_v4(),
            lease: LEASE,
        };
        let db = &self.maintain.db;
        let sweep = match db.take_sweep(&own, self.options.every).await? {
            Hold::Held(sweep) => sweep,
            Hold::NotDue => return Ok(true),
            Hold::Busy(lease) => {
                self.report.busy(lease);
                return Ok(false);
            }
        };
        let result = Box::pin(self.sweep(sweep, Some(&own), deadline)).await;
        // Released after an error as well: the checkpoint is kept, and the next worker does not
        // have to wait.
        let released = db.release_sweep(&own).await;
        let finished = result?;
        released?;
        Ok(finished)
    }

    /// Sweeps. Without `own`, as in a dry run, no checkpoint is written.
    pub(crate) async fn sweep(
        &self,
        sweep: Sweep,
        own: Option<&Checkpoint>,
        deadline: Deadline<'_>,
    ) -> Result<bool, Error> {
        let mut total = Tally::parse(&sweep.counters);
        let mut ledger = Ledger::new(self.is_empty);
        let mut merge = Merge::new(self.maintain, self.options.pace, &sweep);
        // The checkpoint and the position of this run. They differ after a key has failed: the
        // checkpoint stays before that key, so that the next run starts there, while this run
        // continues with the keys after it.
        let (mut checkpoint, mut held) = (sweep.position, false);
        while !deadline.has_passed() {
            let mut worker = BatchWorker::new(
                self.maintain,
                self.options,
                self.report,
                self.allowance,
                &mut ledger,
            );
            let done = deadline
                .limit(async {
                    let batch = merge.next().await?;
                    let (until, is_last) = (batch.until.clone(), batch.is_last);
                    let owners = batch.owners.clone();
                    Box::pin(worker.all(batch)).await?;
                    worker.audit(&owners).await?;
                    Ok::<_, Error>((until, is_last))
                })
                .await;
            // Steps that were done before a failure or the deadline count as well.
            self.report.add(&worker.tally);
            let Some(done) = done else { break };
            let (until, is_last) = done?;
            total.add(&worker.tally);
            held |= worker.tally.get(Count::Failed) > 0;
            if !held {
                checkpoint = until;
            }
            if is_last && !held {
                return self.finish(own, total, deadline).await;
            }
            if !self.save(own, &checkpoint, total).await? || is_last {
                break;
            }
        }
        Ok(false)
    }

    /// Writes the checkpoint. Returns `false` if another worker found the lease expired and took
    /// the sweep. Both then did the same work, and the other worker continues.
    async fn save(
        &self,
        own: Option<&Checkpoint>,
        position: &str,
        counters: Tally,
    ) -> Result<bool, Error> {
        let Some(own) = own else { return Ok(true) };
        let db = &self.maintain.db;
        let saved = db.save_sweep(own, position, &counters.to_json()).await?;
        self.report.count(Count::Busy, usize::from(!saved));
        Ok(saved)
    }

    async fn finish(
        &self,
        own: Option<&Checkpoint>,
        total: Tally,
        deadline: Deadline<'_>,
    ) -> Result<bool, Error> {
        let audits = self.first && (self.options.apply || !self.is_empty);
        if audits && !self.audit_others(deadline).await? {
            return Ok(false);
        }
        if let Some(own) = own {
            self.maintain.db.finish_sweep(own, &total.to_json()).await?;
        }
        Ok(true)
    }

    /// Audits the users who have a usage and no live row: no key leads to them.
    async fn audit_others(&self, deadline: Deadline<'_>) -> Result<bool, Error> {
        let db = &self.maintain.db;
        let mut after = String::new();
        while !deadline.has_passed() {
            let users = db.users_after(&after, USERS).await?;
            let Some((last, _)) = users.last() else {
                return Ok(true);
            };
            last.as_str().clone_into(&mut after);
            let suspects: Vec<_> = users
                .into_iter()
                .filter_map(|(user, suspect)| suspect.then_some(user))
                .collect();
            let drifted = db.usage_drift(&suspects).await?;
            let users = self.report.newly_drifted(&drifted);
            self.report.count_keys(Count::Drifted, users.into_iter());
            if self.options.apply && !drifted.is_empty() {
                db.repair_usage(&drifted).await?;
            }
        }
        Ok(false)
    }
}
