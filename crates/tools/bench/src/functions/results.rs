//! The results of all rounds: medians, and ratios to the floor.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use super::case::Case;
use super::programs::{Program, Programs};
use super::rounds::{Contender, Sample, megabytes};
use crate::stats;

/// The samples of every round in the order of the contenders. The first is the floor.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) contenders: Vec<Contender>,
    rounds: Vec<Vec<Sample>>,
}

/// A figure of a sample, if it has it.
pub(super) type Figure = fn(&Sample) -> Option<f64>;

/// From the spawn to the first poll.
pub(super) const POLL: Figure = |sample| Some(sample.poll_ms);
/// CPU until the first poll.
pub(super) const POLL_CPU: Figure = |sample| Some(sample.poll_cpu_ms);
/// The first invocation.
pub(super) const FIRST: Figure = |sample| Some(sample.first_ms);
/// CPU of the start and the first response.
pub(super) const FIRST_CPU: Figure = |sample| Some(sample.first_cpu_ms);
/// Warm requests.
pub(super) const P50: Figure = |sample| sample.warm.map(|warm| warm.p50_us);
pub(super) const P99: Figure = |sample| sample.warm.map(|warm| warm.p99_us);
pub(super) const MEAN: Figure = |sample| sample.warm.map(|warm| warm.mean_us);
pub(super) const BUSY_CPU: Figure = |sample| sample.warm.map(|warm| warm.busy_cpu_us);
pub(super) const CPU: Figure = |sample| sample.warm.map(|warm| warm.cpu_us);
pub(super) const PER_SECOND: Figure = |sample| sample.warm.map(|warm| warm.per_second);
pub(super) const RSS: Figure = |sample| sample.warm.map(|warm| warm.rss_mb);

/// The size of the deployed files in MB (10^6 bytes).
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) file: f64,
    pub(super) zip: f64,
}

impl Results {
    pub(super) fn new(contenders: Vec<Contender>) -> Self {
        Self {
            contenders,
            rounds: Vec::new(),
        }
    }

    /// One round of all contenders. Each round begins with another one, so that none always follows
    /// the same.
    pub(super) fn round(
        &mut self,
        mut sample: impl FnMut(Contender) -> io::Result<Sample>,
    ) -> io::Result<()> {
        let count = self.contenders.len();
        let mut round = vec![Sample::default(); count];
        for step in 0..count {
            let at = (step + 7 * self.rounds.len()) % count;
            round[at] = sample(self.contenders[at])?;
        }
        self.rounds.push(round);
        Ok(())
    }

    /// Forgets all rounds.
    pub(super) fn forget(&mut self) {
        self.rounds.clear();
    }

    /// The index of a contender.
    pub(super) fn find(&self, who: Program, case: Case) -> Option<usize> {
        let same =
            |other: &Contender| other.who == who && (other.case == case || who == Program::Floor);
        self.contenders.iter().position(same)
    }

    /// The median over the rounds that have the figure.
    pub(super) fn median(&self, at: usize, figure: Figure) -> Option<f64> {
        let values: Vec<f64> = self
            .rounds
            .iter()
            .filter_map(|round| figure(&round[at]))
            .collect();
        stats::median(&values)
    }

    /// The median of the ratios to the floor of the same round.
    pub(super) fn ratio(&self, at: usize, figure: Figure) -> Option<f64> {
        let ratio = |round: &Vec<Sample>| Some(figure(&round[at])? / figure(&round[0])?);
        let ratios: Vec<f64> = self.rounds.iter().filter_map(ratio).collect();
        stats::median(&ratios)
    }

    /// The size of each contender's own code, plain and compressed as in a zip.
    pub(super) fn sizes(&self, programs: &Programs) -> io::Result<Vec<Size>> {
        let of = |contender: &Contender| {
            let mut files = programs.code(contender.who, contender.case)?;
            let compressed = "tar -cf - -- \"$@\" 2>/dev/null | gzip -9 | wc -c";
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", compressed, "sh"]).args(&files);
            let counted = shell.stderr(Stdio::inherit()).output()?;
            let zip = String::from_utf8_lossy(&counted.stdout).trim().parse();
            let mut bytes = 0;
            while let Some(file) = files.pop() {
                if file.is_dir() {
                    let inside = fs::read_dir(file)?;
                    files.extend(inside.flatten().map(|entry| entry.path()));
                } else {
                    bytes += fs::metadata(file)?.len();
                }
            }
            let million = |bytes: u64| megabytes(bytes) * 1.048_576;
            Ok(Size {
                file: million(bytes),
                zip: million(zip.map_err(io::Error::other)?),
            })
        };
        self.contenders.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::rounds::Warm;

    #[test]
    fn ratios_compare_within_a_round() {
        let who = |who| Contender {
            who,
            case: Case::Files,
        };
        let mut results = Results::new(vec![who(Program::Floor), who(Program::Rust)]);
        // The machine is ten times slower in the second round. The ratio is the same.
        for (slow, cpu) in [(1.0, true), (10.0, false), (1.0, true)] {
            results
                .round(|contender| {
                    let poll_ms = slow
                        * if contender.who == Program::Floor {
                            2.0
                        } else {
                            6.0
                        };
                    let warm = cpu.then(|| Warm {
                        cpu_us: poll_ms * 10.0,
                        ..Warm::default()
                    });
                    Ok(Sample {
                        poll_ms,
                        warm,
                        ..Sample::default()
                    })
                })
                .unwrap();
        }
        assert_eq!(results.ratio(1, POLL), Some(3.0));
        assert_eq!(results.median(1, POLL), Some(6.0));
        assert_eq!(results.ratio(0, CPU), Some(1.0));
        assert_eq!(results.median(1, CPU), Some(60.0));
        assert_eq!(results.find(Program::Rust, Case::Files), Some(1));
        assert_eq!(results.find(Program::Rust, Case::Save), None);
        assert_eq!(results.find(Program::Floor, Case::Save), Some(0));
    }
}
