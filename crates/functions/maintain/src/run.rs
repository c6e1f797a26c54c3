//! One run: executes the requested tasks one after the other.

use futures_util::future::join_all;
use serde_json::{Value, json};
use slipway_core::{Code, Error};
use slipway_db::maintain::{KeyRange, Sweep};
use slipway_s3::denied;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::allowance::Allowance;
use crate::deletes::Deletes;
use crate::report::Count;
use crate::sample::Sample;
use crate::sweep::Range;
use crate::uploads::Uploads;
use crate::{Deadline, Maintain, Options, Report, Task, shards};

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Set if all tasks completed without failure. If not, the next run continues from there.
    pub finished: bool,
    /// The errors that stopped tasks early. A passed deadline is not an error.
    pub stopped: Option<String>,
    /// The code of the first such error.
    pub code: Option<Code>,
    /// Set if the limit of removals withheld rows or objects. Only `--force` removes them.
    pub needs_force: bool,
    /// The number of failures.
    pub failed: u64,
    /// Set if the run was allowed to change anything. False for a dry run.
    pub applied: bool,
}

impl Summary {
    /// Returns `true` if nothing failed and no decision of the operator is needed.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.failed == 0 && !self.needs_force && self.stopped.is_none()
    }

    /// The summary and the counts of `report` as one JSON object.
    #[must_use]
    pub fn to_json(&self, report: &Report) -> Value {
        let mut json = report.to_json();
        json.insert("applied".to_owned(), json!(self.applied));
        json.insert("finished".to_owned(), json!(self.finished));
        json.insert("needsForce".to_owned(), json!(self.needs_force));
        json.insert("stopped".to_owned(), json!(self.stopped));
        let until = report
            .lease()
            .and_then(|lease| lease.until.format(&Rfc3339).ok());
        json.insert("busyUntil".to_owned(), json!(until));
        Value::Object(json)
    }
}

impl Options {
    /// Half of the remaining time if other tasks follow, so that a long task leaves them the rest.
    fn share<'a>(&self, deadline: Deadline<'a>) -> Deadline<'a> {
        if self.task == Task::All {
            deadline.half()
        } else {
            deadline
        }
    }
}

/// The combined result of the tasks that have run so far.
#[derive(Default)]
struct End {
    unfinished: bool,
    stopped: Option<String>,
    code: Option<Code>,
}

impl End {
    fn note(&mut self, result: Result<bool, Error>) {
        let error = match result {
            Ok(done) => {
                self.unfinished |= !done;
                return;
            }
            Err(error) => error,
        };
        self.unfinished = true;
        self.code = self.code.or(Some(error.code()));
        let reason = reason(&error);
        match &mut self.stopped {
            // Tasks and ranges often stop for the same reason.
            Some(stopped) if stopped.contains(&reason) => {}
            Some(stopped) => *stopped = format!("{stopped}; {reason}"),
            None => self.stopped = Some(reason),
        }
    }
}

/// Describes the error that stopped a task, and its remedy.
pub(crate) fn reason(error: &Error) -> String {
    let causes = error.causes();
    if denied(error) {
        format!(
            "{causes}. S3 refuses the credentials, or they lack a permission. \
             Nothing was passed over: with good credentials, the same command continues here"
        )
    } else {
        causes
    }
}

impl Maintain {
    /// Runs the tasks of `options` until all are done or `deadline` passes. Counts into `report`.
    pub async fn run(&self, options: &Options, deadline: Deadline<'_>, report: &Report) -> Summary {
        let mut end = End::default();
        let asked = |task| matches!(options.task, Task::All) || options.task == task;
        if asked(Task::Deletes) && !options.rebuild {
            let deletes = Deletes {
                maintain: self,
                options,
                report,
            };
            end.note(deletes.run(options.share(deadline)).await);
        }
        if asked(Task::Uploads) && !options.rebuild {
            let uploads = Uploads {
                maintain: self,
                options,
                report,
            };
            end.note(uploads.run(options.share(deadline)).await);
        }
        if (asked(Task::Reconcile) || options.rebuild)
            && let Err(error) = self.sweep(options, deadline, report, &mut end).await
        {
            end.note(Err(error));
        }
        if end.stopped.is_some() {
            report.count(Count::Failed, 1);
        }
        let failed = report.get(Count::Failed);
        Summary {
            finished: !end.unfinished && failed == 0,
            stopped: end.stopped,
            code: end.code,
            needs_force: report.get(Count::Withheld) > 0,
            failed,
            applied: options.apply,
        }
    }

    async fn sweep(
        &self,
        options: &Options,
        deadline: Deadline<'_>,
        report: &Report,
        end: &mut End,
    ) -> Result<(), Error> {
        let allowance = Allowance::new(&self.db, options).await?;
        let ranges = self.ranges(options, report, &allowance).await?;
        let runs = ranges.iter().map(|(range, keys)| async move {
            if options.apply {
                return Box::pin(range.run(deadline)).await;
            }
            Box::pin(range.sweep(unplanned(keys), None, deadline)).await
        });
        for result in join_all(runs).await {
            end.note(result);
        }
        Ok(())
    }

    /// Returns the key ranges to sweep. With `apply`, first plans their sweeps in Postgres.
    async fn ranges<'a>(
        &'a self,
        options: &'a Options,
        report: &'a Report,
        allowance: &'a Allowance<'a>,
    ) -> Result<Vec<(Range<'a>, KeyRange)>, Error> {
        let is_empty = options.rebuild && self.db.has_no_rows().await?;
        let range = |shard: String, first: bool| Range {
            maintain: self,
            options,
            report,
            allowance,
            shard,
            is_empty,
            first,
        };
        if options.rebuild {
            let under_way = self.db.sweeps_under_way("rebuild").await?;
            if options.apply && !under_way.is_empty() && is_empty {
                // The table was lost again during this rebuild, so its checkpoints are invalid.
                self.db.restart_sweeps("rebuild").await?;
            }
            if options.apply && !under_way.is_empty() {
                return Ok(continued(under_way, options.shards)
                    .into_iter()
                    .map(|shard| {
                        let first = shard.starts_with("rebuild 0/");
                        // The range comes from the checkpoint, so this one is ignored.
                        (range(shard, first), KeyRange::ALL)
                    })
                    .collect());
            }
            if options.apply && is_empty {
                self.db.forget_usage_of_nothing().await?;
            }
        }
        let count = options.shards.max(1);
        let bounds = self.bounds(options, count, report).await?;
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
            .map(|(at, (shard, keys))| (range(shard, at == 0), keys))
            .collect())
    }

    /// The keys between the ranges: from a sample of rows, or of objects if there are few rows.
    async fn bounds(
        &self,
        options: &Options,
        count: u32,
        report: &Report,
    ) -> Result<Vec<String>, Error> {
        if !options.rebuild {
            if count == 1 {
                return Ok(Vec::new());
            }
            let bounds = self.db.sample_bounds(count).await?;
            if bounds.len() + 1 == usize::try_from(count).unwrap_or(usize::MAX) {
                return Ok(bounds);
            }
        }
        let sample = Sample::of(&self.stores.bucket, &options.sampling).await?;
        report.expect(sample.total());
        let bounds = sample.bounds(count);
        if bounds.is_empty() {
            // There are too few objects to sample, so any split will do.
            return Ok(shards::even_bounds(count));
        }
        Ok(bounds)
    }
}

fn unplanned(range: &KeyRange) -> Sweep {
    Sweep {
        range: range.clone(),
        position: range.from.clone(),
        started_at: OffsetDateTime::now_utc(),
        counters: String::new(),
    }
}

/// The sweeps of an interrupted rebuild. They keep their ranges even if `shards` has changed.
fn continued(under_way: Vec<String>, shards: u32) -> Vec<String> {
    let planned = under_way
        .first()
        .and_then(|name| name.rsplit_once('/')?.1.parse::<u32>().ok());
    if planned != Some(shards) {
        tracing::warn!(
            left = under_way.len(),
            planned,
            shards,
            "an interrupted rebuild continues with the ranges that it was planned with"
        );
    }
    under_way
}
