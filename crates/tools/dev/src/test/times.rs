//! The time of each stage: elapsed and CPU.

use std::fs;
use std::time::Instant;

use crate::say;

/// Kernel ticks. Linux has a hundred a second on every architecture.
const TICKS: f64 = 100.0;

/// The measurements in order.
pub(super) struct Times {
    lines: Vec<String>,
    begin: Instant,
}

impl Times {
    pub(super) fn begin() -> Self {
        Self {
            lines: Vec::new(),
            begin: Instant::now(),
        }
    }

    /// Runs a stage and records its time.
    pub(super) fn of<T>(&mut self, stage: &str, work: impl FnOnce() -> T) -> T {
        let (started, before) = (Instant::now(), processors());
        let result = work();
        let seconds = started.elapsed().as_secs_f64();
        let busy = before.zip(processors());
        let busy = busy.map_or(String::new(), |(before, after)| {
            format!(", {:6.1} s of CPU", after - before)
        });
        self.lines.push(format!("{stage:<9}{seconds:7.1} s{busy}"));
        result
    }

    pub(super) fn left_out(&mut self, stage: &str) {
        self.lines.push(format!("{stage:<9}left out by --quick"));
    }

    pub(super) fn show(&self) {
        for line in &self.lines {
            say::part("time", line);
        }
        let all = self.begin.elapsed().as_secs_f64();
        say::part("time", &format!("{:<9}{all:7.1} s", "all"));
    }
}

/// CPU seconds of all child processes that have ended, and of their children. `None` without
/// `/proc`.
fn processors() -> Option<f64> {
    // `pid (name) state …`: the name may contain anything, and the rest are numbers. These are
    // cutime and cstime in proc(5).
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut numbers = numbers.split_whitespace().skip(13);
    let mut next = || numbers.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_has_ended_is_counted() {
        let Some(before) = processors() else { return };
        let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let mut shell = std::process::Command::new("sh");
        assert!(shell.args(["-c", busy]).status().unwrap().success());
        assert!(processors().unwrap() > before);
    }
}
