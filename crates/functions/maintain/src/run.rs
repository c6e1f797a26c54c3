//! One run: the tasks it was asked for, one after the other.

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

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Whether everything was looked at and nothing failed. If not, the next run continues at the checkpoint.
    pub finished: bool,
    /// Why it stopped before the end, other than at its deadline.
    pub stopped: Option<String>,
    /// The code of that.
    pub code: Option<Code>,
    /// Whether rows were kept, or objects left, that only `--force` removes.
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
        self.failed == 0 && !self.needs_force && self.stopped.is_none()
    }

    /// With the numbers of `report`.
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
    /// However much there is to do, what comes after it gets its share of the time.
    fn share<'a>(&self, deadline: Deadline<'a>) -> Deadline<'a> {
        if self.task == Task::All {
            deadline.half()
        } else {
            deadline
        }
    }
}

/// How the tasks of a run ended so far.
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

/// Why a task stopped, and what helps.
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
    /// Does what `options` say until it is done or `deadline` comes, and counts in `report`.
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

    /// The ranges to work at, whose sweeps have begun, unless this is a dry run.
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
                // Its rows are gone, so its checkpoints are worth nothing.
                self.db.restart_sweeps("rebuild").await?;
            }
            if options.apply && !under_way.is_empty() {
                return Ok(continued(under_way, options.shards)
                    .into_iter()
                    .map(|shard| {
                        let first = shard.starts_with("rebuild 0/");
                        // The keys are those that were planned.
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

    /// Where the keys are split: by a sample of the rows, or of the bucket where the table has too few.
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
            // Hardly any objects, wherever the keys are split.
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

/// The sweeps of an interrupted rebuild, which continue as they were planned, whatever `shards` says now.
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
