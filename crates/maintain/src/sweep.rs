//! Sweeping a range of keys: batch after batch, with a checkpoint after each.

mod act;
mod merge;

use std::time::Duration;

use slipway_core::Error;
use slipway_db::maintain::{Checkpoint, Hold, Sweep};
use slipway_record::Recorder;
use uuid::Uuid;

use crate::report::{Count, Tally};
use crate::{Deadline, Maintain, Options, Report};
use act::Act;
use merge::Merge;

/// How long a sweep stays with a worker of which nothing is heard. A batch takes a second; one for which S3 does not
/// answer, a minute or two.
const LEASE: Duration = Duration::from_mins(5);

/// A run drops at most this share of a range's rows …
const LARGEST_SHARE: u64 = 100;
/// … and at most this many, unless it is forced.
const MOST_FORGOTTEN: u64 = 1000;

/// How many users are asked for at once.
const USERS: u32 = 1000;

/// One range of keys.
pub(crate) struct Range<'a> {
    pub(crate) maintain: &'a Maintain,
    pub(crate) options: &'a Options,
    pub(crate) report: &'a Report,
    /// The sweep's name in the table of checkpoints.
    pub(crate) shard: String,
    /// Whether nothing is refused in any case.
    pub(crate) lenient: bool,
    /// Whether the users whom no key leads to are this range's to audit.
    pub(crate) first: bool,
}

impl Range<'_> {
    /// Goes on with the sweep of the range where it stands; answers whether it came to its end.
    pub(crate) async fn run(&self, deadline: Deadline) -> Result<bool, Error> {
        let own = Checkpoint {
            shard: self.shard.clone(),
            worker: Uuid::new_v4(),
            lease: LEASE,
        };
        let db = &self.maintain.db;
        let sweep = match db.take_sweep(&own, self.options.every).await? {
            Hold::Held(sweep) => sweep,
            Hold::NotDue => return Ok(true),
            Hold::Busy => {
                self.report.count(Count::Busy, 1);
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
        deadline: Deadline,
    ) -> Result<bool, Error> {
        let Maintain { db, recorder, .. } = self.maintain;
        let recorder: Recorder = if self.lenient || sweep.lenient {
            recorder.lenient()
        } else {
            recorder.clone()
        };
        let mut total = Tally::parse(&sweep.counters);
        let mut allowance = self.allowance(&sweep, &total).await?;
        let name = recorder.bucket_name();
        let pace = self.options.pace;
        let mut merge = Merge::new(recorder.bucket(), name, db, pace, &sweep);
        let mut position = sweep.position;
        while !deadline.has_passed() {
            let mut act = Act::new(self.maintain, &recorder, self.options, allowance);
            let done = deadline
                .limit(async {
                    let batch = merge.next().await?;
                    let (until, is_last) = (batch.until.clone(), batch.is_last);
                    let owners = batch.owners.clone();
                    let gone = Box::pin(act.all(batch)).await?;
                    // Counted before it is done, so that no crash, and no number of them, drops more than is allowed.
                    let mut reserved = total;
                    reserved.count(Count::Forgotten, gone.len());
                    if !gone.is_empty() && !self.save(own, &position, reserved).await? {
                        return Ok(None);
                    }
                    act.forget(gone).await;
                    act.audit(&owners).await?;
                    Ok::<_, Error>(Some((until, is_last)))
                })
                .await;
            // Also what was done before it failed or time ran out: it was done.
            self.report.add(&act.tally);
            let Some(done) = done else { break };
            let Some((until, is_last)) = done? else { break };
            allowance = allowance.saturating_sub(act.tally.get(Count::Forgotten));
            total.add(&act.tally);
            if is_last {
                return self.finish(own, total, deadline).await;
            }
            position = until;
            if !self.save(own, &position, total).await? {
                break;
            }
        }
        Ok(false)
    }

    /// Whether the sweep is still this worker's. If not, somebody took it for abandoned: both did the same, and the
    /// other goes on.
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
        deadline: Deadline,
    ) -> Result<bool, Error> {
        if self.first && !self.audit_others(deadline).await? {
            return Ok(false);
        }
        if let Some(own) = own {
            self.maintain.db.finish_sweep(own, &total.to_json()).await?;
        }
        Ok(true)
    }

    /// Users who have a usage and no live row: no key led to them.
    async fn audit_others(&self, deadline: Deadline) -> Result<bool, Error> {
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
            self.report.count(Count::Drifted, drifted.len());
            if self.options.apply && !drifted.is_empty() {
                db.repair_usage(&drifted).await?;
            }
        }
        Ok(false)
    }

    /// How many rows the sweep may still drop. It counts over all its runs, so that a schedule does not wear the
    /// table away one run after the other. One row may always go, however few there are.
    async fn allowance(&self, sweep: &Sweep, total: &Tally) -> Result<u64, Error> {
        if self.options.force {
            return Ok(u64::MAX);
        }
        let enough = u32::try_from(MOST_FORGOTTEN * LARGEST_SHARE).unwrap_or(u32::MAX);
        let (from, to) = (&sweep.range.from, sweep.range.to.as_deref());
        let rows = self.maintain.db.count_rows(from, to, enough).await?;
        let most = (rows / LARGEST_SHARE).clamp(1, MOST_FORGOTTEN);
        Ok(most.saturating_sub(total.get(Count::Forgotten)))
    }
}
