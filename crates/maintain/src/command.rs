//! The command: a dry run until told otherwise, a progress bar on a terminal, the numbers as JSON at the end.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use slipway_core::UserId;

use crate::report::Count;
use crate::{Deadline, Maintain, Options, Report, Summary, Task};

/// How often the bar is drawn.
const TICK: Duration = Duration::from_millis(200);

/// Finishes deletes, ends abandoned uploads, and makes bucket and table agree.
///
/// Shows what it would do, until --apply. It reads the same variables as the functions: `S3_BUCKET_NAME`,
/// `AWS_REGION`, `AWS_ACCESS_KEY_ID` and its companions, `DATABASE_URL`, and the limits. A run that was stopped
/// goes on where it was.
#[derive(Clone, Debug, Parser)]
#[command(name = "maintain")]
pub struct Command {
    /// What to do
    #[arg(value_enum, default_value = "all")]
    task: TaskName,

    /// Do it, instead of showing what would be done
    #[arg(long)]
    apply: bool,

    /// Part the keys into N ranges and sweep them at the same time
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,

    /// Drop rows without an object even if they are many; rebuild a table that is not empty
    #[arg(long)]
    force: bool,

    /// Fill an empty table from the bucket alone
    #[arg(long)]
    rebuild: bool,

    /// Delete every file of this user, and nothing else
    #[arg(long, value_name = "SUB", conflicts_with_all = ["task", "shards", "force", "rebuild"], value_parser = user)]
    erase: Option<UserId>,
}

/// A task's name on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TaskName {
    /// Remove the objects of deleted files, and drop tombstones that nobody needs any more
    Deletes,
    /// End multipart uploads that nobody finished within 7 days, and drop the rows of those that are over
    Uploads,
    /// Record objects without a row, drop rows without an object, correct rows and usage
    Reconcile,
    /// All three
    All,
}

impl Command {
    /// What is to be done.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            task: match self.task {
                TaskName::Deletes => Task::Deletes,
                TaskName::Uploads => Task::Uploads,
                TaskName::Reconcile => Task::Reconcile,
                TaskName::All => Task::All,
            },
            apply: self.apply,
            force: self.force,
            rebuild: self.rebuild,
            shards: self.shards,
            ..Options::default()
        }
    }

    /// Does it, and prints the numbers. Fails where something failed, was left to somebody else, or wants `--force`.
    pub async fn run(&self, maintain: &Maintain) -> io::Result<bool> {
        let options = self.options();
        let report = Report::default();
        let started = Instant::now();
        let bar = bar(maintain).await;
        let summary = {
            let mut running = std::pin::pin!(async {
                match &self.erase {
                    Some(user) => {
                        let deadline = Deadline::NEVER;
                        Box::pin(maintain.erase(user, self.apply, deadline, &report)).await
                    }
                    None => Box::pin(maintain.run(&options, Deadline::NEVER, &report)).await,
                }
            });
            let mut ticks = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    summary = &mut running => break summary,
                    _ = ticks.tick() => draw(&bar, &report),
                }
            }
        };
        bar.finish_and_clear();
        let mut numbers = summary.to_json(&report);
        numbers["seconds"] = json!((started.elapsed().as_secs_f64() * 10.0).round() / 10.0);
        writeln!(io::stdout(), "{numbers:#}")?;
        for line in self.advice(&summary, &report) {
            writeln!(io::stderr(), "{line}")?;
        }
        Ok(summary.is_ok() && summary.finished)
    }

    fn advice(&self, summary: &Summary, report: &Report) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.apply {
            lines.push("Nothing was changed: this shows what --apply would do.".to_owned());
        }
        if summary.needs_force {
            lines.push(format!(
                "{} rows have no object and were kept: more than 1 % of a range, or more than 1,000. \
                 Is this the right bucket? If so, --force drops them.",
                report.get(Count::Withheld)
            ));
        }
        if report.get(Count::Busy) > 0 {
            lines.push("Somebody else is at it; what is theirs was left to them.".to_owned());
        }
        if let Some(reason) = &summary.stopped {
            lines.push(format!("It stopped: {reason}"));
        }
        lines
    }
}

fn user(sub: &str) -> Result<UserId, &'static str> {
    UserId::parse(sub).ok_or("no user has this sub: it must be 1 to 255 bytes")
}

/// Shown on a terminal only.
async fn bar(maintain: &Maintain) -> ProgressBar {
    // Only to have an end in sight: nobody counts millions of rows for it.
    let total = maintain.db.estimate_rows().await.unwrap_or_default();
    let (bar, template) = if total > 0 {
        let template =
            "{bar:30} {human_pos} of about {human_len} objects, {per_sec}, {eta} left {msg}";
        (ProgressBar::new(total), template)
    } else {
        let template = "{spinner} {human_pos} objects, {per_sec} {msg}";
        (ProgressBar::new_spinner(), template)
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn draw(bar: &ProgressBar, report: &Report) {
    let seen = report.get(Count::Objects);
    // The estimate may be low.
    if bar.length().is_some_and(|length| length < seen) {
        bar.set_length(seen);
    }
    bar.set_position(seen);
    let (recorded, failed) = (report.get(Count::Recorded), report.get(Count::Failed));
    let removed = report.get(Count::Removed) + report.get(Count::Purged);
    bar.set_message(format!(
        "| {recorded} recorded, {removed} removed, {failed} failed"
    ));
}
