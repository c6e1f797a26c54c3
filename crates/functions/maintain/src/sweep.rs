//! Sweeping a range of keys: batch after batch, with a checkpoint after each.

mod batch;
mod dry;
mod merge;

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

/// How long a sweep stays with a worker of which nothing is heard. A batch takes a second; one for
/// which S3 does not answer, a minute or two.
const LEASE: Duration = Duration::from_mins(5);

/// How many users are asked for at once.
const USERS: u32 = 1000;

/// One range of keys.
pub(crate) struct Range<'a> {
    pub(crate) maintain: &'a Maintain,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
    /// What may still be removed, by all ranges together.
    pub(crate) allowance: &'a Allowance<'a>,
    /// The sweep's name in the table of checkpoints.
    pub(crate) shard: String,
    /// Whether the table is rebuilt from nothing, so that no usage counts.
    pub(crate) is_empty: bool,
    /// Whether the users whom no key leads to are this range's to audit.
    pub(crate) first: bool,
}

impl Range<'_> {
    /// Goes on with the sweep of the range where it stands; answers whether it came to its end.
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
        // After an error too: the checkpoint stands, and whoever comes next need not wait.
        let released = db.release_sweep(&own).await;
        let finished = result?;
        released?;
        Ok(finished)
    }

    /// Sweeps without a checkpoint where there is no `own`, as a dry run does.
    pub(crate) async fn sweep(
        &self,
        sweep: Sweep,
        own: Option<&Checkpoint>,
        deadline: Deadline<'_>,
    ) -> Result<bool, Error> {
        let mut total = Tally::parse(&sweep.counters);
        let mut ledger = Ledger::new(self.is_empty);
        let mut merge = Merge::new(self.maintain, self.options.pace, &sweep);
        // The checkpoint, and how far this run has come. They part where a key failed: the
        // checkpoint stays in front of it, so that the next run begins there, and this run takes
        // what comes after it.
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
            // Also what was done before it failed or time ran out: it was done.
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

    /// Whether the sweep is still this worker's. If not, another worker found the lease expired and
    /// took the sweep: both did the same, and the other continues.
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

    /// Users who have a usage and no live row: no key led to them.
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
