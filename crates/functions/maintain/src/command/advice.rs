//! Sentences for the operator after a run: why it stopped, and the next command.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Command;
use crate::{Count, Maintain, Report, Summary, allowance};

/// The result of a run, from which the sentences are made.
pub(super) struct Advice<'a> {
    pub(super) command: &'a Command,
    pub(super) summary: &'a Summary,
    pub(super) report: &'a Report,
    /// Set if a signal (Ctrl-C) stopped the run.
    pub(super) was_stopped: bool,
}

impl Advice<'_> {
    pub(super) async fn lines(&self, maintain: &Maintain) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.command.apply {
            lines.push("Nothing was changed: this shows what --apply would do.".to_owned());
        }
        if self.summary.needs_force {
            lines.push(self.force(maintain).await);
        }
        lines.extend(self.busy());
        if let Some(reason) = &self.summary.stopped {
            lines.push(format!("It stopped: {reason}"));
        } else if self.was_stopped && self.command.apply {
            lines.push(
                "Stopped by a signal. The same command continues at the checkpoint.".to_owned(),
            );
        } else if self.summary.failed > 0 {
            lines.push(format!(
                "{} keys failed and were left as they are. The same command tries them again.",
                self.summary.failed
            ));
        }
        lines
    }

    async fn force(&self, maintain: &Maintain) -> String {
        let mut line = format!(
            "{} removals were withheld: 24 hours allow 1 % of the rows and at most 1,000. Is this the right bucket? \
             If so, --force lifts the limit; --list names the keys.",
            self.report.get(Count::Withheld)
        );
        if let Ok(left) = allowance::left(&maintain.db).await
            && left.removed > 0
        {
            line = format!(
                "{line} {} were made in the last 24 hours{}.",
                left.removed,
                left.more_at
                    .map(|at| format!("; the first of them stops counting at {}", moment(at)))
                    .unwrap_or_default()
            );
        }
        line
    }

    fn busy(&self) -> Option<String> {
        let lease = self.report.lease()?;
        Some(format!(
            "{} of the ranges {} held by another run: `{}` until {} (in {} s), unless it is renewed. If that was a run \
             of yours that was killed, run the same command again then.",
            self.report.get(Count::Busy),
            if self.report.get(Count::Busy) == 1 {
                "is"
            } else {
                "are"
            },
            lease.shard,
            moment(lease.until),
            lease.seconds
        ))
    }
}

/// Formats a time as RFC 3339, to the second.
fn moment(at: OffsetDateTime) -> String {
    let at = at.replace_nanosecond(0).unwrap_or(at);
    at.format(&Rfc3339).unwrap_or_default()
}
