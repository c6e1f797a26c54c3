//! One run: the tasks it was asked for, one after the other.

use futures_util::future::join_all;
use serde_json::{Value, json};
use slipway_core::Error;
use slipway_db::maintain::{KeyRange, Sweep};
use time::OffsetDateTime;

use crate::deletes::Deletes;
use crate::report::Count;
use crate::sweep::Range;
use crate::uploads::Uploads;
use crate::{Deadline, Maintain, Options, Report, Task, shards};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whether everything was looked at. If not, the next run goes on from there.
    pub finished: bool,
    /// Why it stopped before the end, other than for the time.
    pub stopped: Option<String>,
    /// Whether rows were kept that only `--force` drops.
    pub needs_force: bool,
    /// How much failed.
    pub failed: u64,
    /// Whether anything was changed at all.
    pub applied: bool,
}

impl Summary {
    /// Whether nothing failed and nothing wants a person.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.failed == 0 && !self.needs_force
    }

    /// With the numbers of `report`.
    #[must_use]
    pub fn to_json(&self, report: &Report) -> Value {
        let mut json = report.to_json();
        json.insert("applied".to_owned(), json!(self.applied));
        json.insert("finished".to_owned(), json!(self.finished));
        json.insert("needsForce".to_owned(), json!(self.needs_force));
        json.insert("stopped".to_owned(), json!(self.stopped));
        Value::Object(json)
    }
}

impl Options {
    /// However much there is to do, what comes after it gets its share of the time.
    fn share(&self, deadline: Deadline) -> Deadline {
        if self.task == Task::All {
            deadline.half()
        } else {
            deadline
        }
    }
}

impl Maintain {
    /// Does what `options` say until it is done or `deadline` comes, and counts in `report`.
    pub async fn run(&self, options: &Options, deadline: Deadline, report: &Report) -> Summary {
        let (mut finished, mut stopped) = (true, None);
        let asked = |task| matches!(options.task, Task::All) || options.task == task;
        if asked(Task::Deletes) && !options.rebuild {
            let deletes = Deletes {
                maintain: self,
                options,
                report,
            };
            let until = options.share(deadline);
            note(deletes.run(until).await, &mut finished, &mut stopped);
        }
        if asked(Task::Uploads) && !options.rebuild {
            let uploads = Uploads {
                maintain: self,
                options,
                report,
            };
            let until = options.share(deadline);
            note(uploads.run(until).await, &mut finished, &mut stopped);
        }
        if asked(Task::Reconcile) || options.rebuild {
            match self.ranges(options, report).await {
                Ok(ranges) => {
                    let runs = ranges.iter().map(|(range, keys)| async move {
                        if options.apply {
                            return Box::pin(range.run(deadline)).await;
                        }
                        let sweep = self.unplanned(keys).await?;
                        Box::pin(range.sweep(sweep, None, deadline)).await
                    });
                    for result in join_all(runs).await {
                        note(result, &mut finished, &mut stopped);
                    }
                }
                Err(error) => note(Err(error), &mut finished, &mut stopped),
            }
        }
        if stopped.is_some() {
            report.count(Count::Failed, 1);
        }
        Summary {
            finished,
            stopped,
            needs_force: report.get(Count::Withheld) > 0,
            failed: report.get(Count::Failed),
            applied: options.apply,
        }
    }

    /// The ranges to work at, whose sweeps have begun, unless this is a dry run.
    async fn ranges<'a>(
        &'a self,
        options: &'a Options,
        report: &'a Report,
    ) -> Result<Vec<(Range<'a>, KeyRange)>, Error> {
        let count = options.shards.max(1);
        let mut bounds = Vec::new();
        if count > 1 {
            bounds = self.db.sample_bounds(count).await?;
            if bounds.len() + 1 < usize::try_from(count).unwrap_or(usize::MAX) {
                bounds = shards::even_bounds(count);
            }
        }
        let task = if options.rebuild {
            "rebuild"
        } else {
            "reconcile"
        };
        let plan: Vec<(String, KeyRange)> = shards::ranges(bounds)
            .into_iter()
            .enumerate()
            .map(|(at, range)| (format!("{task} {at}/{count}"), range))
            .collect();
        if options.rebuild {
            self.check_rebuild(options, &plan).await?;
        }
        if options.apply {
            self.db.plan_sweeps(&plan, options.every).await?;
        }
        let asked = |at: usize| {
            options
                .shard
                .is_none_or(|shard| usize::try_from(shard).is_ok_and(|shard| shard == at))
        };
        Ok(plan
            .into_iter()
            .enumerate()
            .filter(|(at, _)| asked(*at))
            .map(|(at, (shard, keys))| {
                let range = Range {
                    maintain: self,
                    options,
                    report,
                    shard,
                    lenient: options.rebuild,
                    first: at == 0,
                };
                (range, keys)
            })
            .collect())
    }

    /// Only an empty table is rebuilt, or one whose rebuilding was interrupted.
    async fn check_rebuild(
        &self,
        options: &Options,
        plan: &[(String, KeyRange)],
    ) -> Result<(), Error> {
        if self.db.has_no_rows().await? {
            if options.apply {
                self.db.forget_usage_of_nothing().await?;
            }
            return Ok(());
        }
        let names: Vec<String> = plan.iter().map(|(name, _)| name.clone()).collect();
        if options.force || self.db.sweeps_under_way(&names).await? {
            return Ok(());
        }
        Err(Error::invalid_request(
            "The table is not empty. Reconcile it instead, or rebuild with --force: that adds what is missing.",
        ))
    }

    async fn unplanned(&self, range: &KeyRange) -> Result<Sweep, Error> {
        Ok(Sweep {
            range: range.clone(),
            position: range.from.clone(),
            started_at: OffsetDateTime::now_utc(),
            lenient: self.db.has_no_rows().await?,
            counters: String::new(),
        })
    }
}

fn note(result: Result<bool, Error>, finished: &mut bool, stopped: &mut Option<String>) {
    match result {
        Ok(done) => *finished &= done,
        Err(error) => {
            *finished = false;
            tracing::error!(
                code = error.code().as_str(),
                cause = error.causes(),
                "stopped"
            );
            *stopped = Some(error.causes());
        }
    }
}
