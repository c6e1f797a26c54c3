//! Progress on stderr: a bar on a terminal, otherwise (CI, `nohup`) a line every ten seconds.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{Count, Maintain, Options, Report};

/// The interval between lines if stderr is not a terminal.
const EVERY: Duration = Duration::from_secs(10);

/// The progress of one run.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// The estimated number of objects. 0 if unknown.
    total: u64,
    started: Instant,
    written: Instant,
    /// Set for a rebuild. Its total is unknown until it has sampled the bucket.
    rebuilds: bool,
}

impl Progress {
    /// The total is the planner's row estimate, because counting millions of rows takes too long.
    /// A rebuild has no rows yet and estimates the total from its sample of the bucket.
    pub(super) async fn new(maintain: &Maintain, options: &Options) -> Self {
        let total = if options.rebuild {
            0
        } else {
            maintain.db.estimate_rows().await.unwrap_or_default()
        };
        let now = Instant::now();
        Self {
            bar: io::stderr().is_terminal().then(ProgressBar::new_spinner),
            total,
            started: now,
            written: now,
            rebuilds: options.rebuild,
        }
    }

    /// Updates the bar, or writes a line if the last one is older than `EVERY`.
    pub(super) fn show(&mut self, report: &Report) {
        if self.rebuilds && self.total == 0 && report.expected() > 0 {
            self.total = report.expected();
            // Exclude the time of the sampling from the rate.
            self.started = Instant::now();
        }
        let seen = report.get(Count::Objects);
        // The estimate may be low.
        let total = if self.total > 0 {
            self.total.max(seen)
        } else {
            0
        };
        let line = line(report, seen, total, self.started.elapsed());
        match &self.bar {
            Some(bar) => {
                let template = if total > 0 {
                    bar.set_length(total);
                    "{bar:30} {msg}"
                } else {
                    "{spinner} {msg}"
                };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style);
                }
                bar.set_position(seen);
                bar.set_message(line);
            }
            None if self.written.elapsed() >= EVERY => {
                self.written = Instant::now();
                let _ = writeln!(io::stderr(), "{line}");
            }
            None => {}
        }
    }

    /// Writes a line without disturbing the bar.
    pub(super) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| {
                let _ = writeln!(io::stderr(), "{line}");
            }),
            None => {
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(report: &Report, seen: u64, total: u64, elapsed: Duration) -> String {
    let mut line = format!("{} objects", grouped(seen));
    if total > 0 {
        line = format!("{line} of about {}", grouped(total));
    }
    let millis = u64::try_from(elapsed.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let rate = seen.saturating_mul(1000) / millis;
    if rate > 0 {
        line = format!("{line}, {}/s", grouped(rate));
        if total > seen {
            let left = Duration::from_secs((total - seen) / rate);
            line = format!("{line}, about {} left (an estimate)", spoken(left));
        }
    }
    for count in [Count::Recorded, Count::Removed, Count::Failed] {
        line = format!("{line}, {} {}", grouped(report.get(count)), count.name());
    }
    line
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_long() {
        let report = Report::default();
        report.count(Count::Recorded, 2000);
        let ten = Duration::from_secs(10);
        assert_eq!(
            line(&report, 20_000, 1_020_000, ten),
            "20,000 objects of about 1,020,000, 2,000/s, about 8 min 20 s left (an estimate), 2,000 recorded, 0 removed, 0 failed"
        );
        assert_eq!(
            line(&report, 0, 0, ten),
            "0 objects, 2,000 recorded, 0 removed, 0 failed"
        );
        assert_eq!(spoken(Duration::from_mins(121)), "2 h 1 min");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
    }
}
