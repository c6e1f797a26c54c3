//! The command: a dry run unless `--apply` is set, with progress on stderr and the counts as JSON
//! on stdout at the end.

mod advice;
mod progress;
mod signals;

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use serde_json::{Value, json};
use slipway_core::UserId;

use crate::{Count, Deadline, Maintain, Options, Report, Stop, Task};
use progress::Progress;
use signals::Signals;

/// The interval at which progress is updated.
const TICK: Duration = Duration::from_millis(200);

/// Finishes deletes, aborts abandoned uploads, and makes bucket and table agree.
///
/// Shows what it would do, until --apply. It reads the functions' variables: `S3_BUCKET_NAME`,
/// `AWS_REGION`, `DATABASE_URL` and the limits. Credentials come from the environment, a profile
/// (`AWS_PROFILE`), SSO, or the role of the container or instance, and are renewed while it runs.
/// Ctrl-C and SIGTERM stop it at its checkpoint; the same command continues there.
#[derive(Clone, Debug, Parser)]
#[command(name = "maintain")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct Command {
    /// What to do (`all` if omitted)
    #[arg(value_enum)]
    task: Option<TaskName>,

    /// Do it, instead of showing what would be done
    #[arg(long)]
    apply: bool,

    /// Split the keys into N ranges and sweep them at the same time
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    shards: u32,

    /// Remove more than 1 % of the rows or 1,000 in 24 hours
    #[arg(long)]
    force: bool,

    /// Fill the table from the bucket, and do nothing else
    #[arg(long)]
    rebuild: bool,

    /// Print a line of JSON for each key that is counted, such as {"key":"…","count":"recorded"},
    /// and the numbers as the last line
    #[arg(long)]
    list: bool,

    /// Delete every file of this user, and nothing else. With `OWNER_CLAIM`, of the owner with this
    /// value of that claim
    #[arg(
        long,
        value_name = "SUB",
        allow_hyphen_values = true,
        conflicts_with_all = ["task", "shards", "force", "rebuild"],
        value_parser = user
    )]
    erase: Option<UserId>,
}

/// A task's name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TaskName {
    /// Remove the objects of deleted files, and drop tombstones that are no longer needed
    Deletes,
    /// Abort multipart uploads that were not completed within 7 days, and drop the rows of those
    /// that are over
    Uploads,
    /// Record objects without a row, drop rows without an object, correct rows and usage
    Reconcile,
    /// All three
    All,
}

impl Command {
    /// Parses the arguments of the process. Exits if they are invalid.
    #[must_use]
    pub fn from_args() -> Self {
        let command = Self::parse();
        let only_sweeps = matches!(command.task, None | Some(TaskName::Reconcile));
        if command.rebuild && !only_sweeps {
            let message = "--rebuild only fills the table. Run `deletes` and `uploads` after it.";
            Self::command()
                .error(ErrorKind::ArgumentConflict, message)
                .exit();
        }
        command
    }

    /// The options of the run.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            task: match self.task {
                Some(TaskName::Deletes) => Task::Deletes,
                Some(TaskName::Uploads) => Task::Uploads,
                Some(TaskName::Reconcile) => Task::Reconcile,
                Some(TaskName::All) | None => Task::All,
            },
            apply: self.apply,
            force: self.force,
            rebuild: self.rebuild,
            shards: self.shards,
            ..Options::default()
        }
    }

    /// Runs the tasks and prints the counts. Returns `false` if a task failed, a sweep was left to
    /// another worker, or `--force` is needed.
    pub async fn run(&self, maintain: &Maintain) -> io::Result<bool> {
        let options = self.options();
        let report = if self.list {
            Report::listing(print_key)
        } else {
            Report::default()
        };
        let mut signals = Signals::listen()?;
        let stop = Stop::default();
        let started = Instant::now();
        let mut progress = Progress::new(maintain, &options).await;
        let summary = {
            let mut running = std::pin::pin!(async {
                let deadline = Deadline::at(&stop);
                match &self.erase {
                    Some(user) => {
                        Box::pin(maintain.erase(user, self.apply, deadline, &report)).await
                    }
                    None => Box::pin(maintain.run(&options, deadline, &report)).await,
                }
            });
            let mut ticks = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    summary = &mut running => break summary,
                    _ = ticks.tick() => progress.show(&report),
                    signal = signals.next() => {
                        if stop.is_requested() {
                            return Err(io::Error::other(format!("ended by a second {signal}")));
                        }
                        stop.request();
                        progress.say(&format!(
                            "{signal}: stopping at the checkpoint. A second one ends at once and keeps the lease."
                        ));
                    }
                }
            }
        };
        progress.finish();
        let mut numbers = summary.to_json(&report);
        numbers["seconds"] = json!((started.elapsed().as_secs_f64() * 10.0).round() / 10.0);
        self.print(&numbers)?;
        let advice = advice::Advice {
            command: self,
            summary: &summary,
            report: &report,
            was_stopped: stop.is_requested(),
        };
        for line in advice.lines(maintain).await {
            writeln!(io::stderr(), "{line}")?;
        }
        Ok(summary.is_ok() && summary.finished)
    }

    /// With --list each line of stdout is JSON by itself.
    fn print(&self, numbers: &Value) -> io::Result<()> {
        if self.list {
            writeln!(io::stdout(), "{numbers}")
        } else {
            writeln!(io::stdout(), "{numbers:#}")
        }
    }
}

fn print_key(count: Count, key: &str) {
    let line = match count {
        Count::Drifted => json!({ "user": key, "count": count.name() }),
        _ => json!({ "key": key, "count": count.name() }),
    };
    // A reader that has exited, such as `head`, must not stop the run.
    let _ = writeln!(io::stdout(), "{line}");
}

fn user(sub: &str) -> Result<UserId, &'static str> {
    // Otherwise `--erase --apply` would mean the user `--apply`.
    if ["--apply", "--list", "--help", "--force", "--rebuild"].contains(&sub) {
        return Err("give the user's sub after --erase");
    }
    UserId::parse(sub).ok_or("no user has this sub: it must be 1 to 255 bytes")
}
