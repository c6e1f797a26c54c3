//! The arithmetic of multipart uploads: how long each part is, and which are not there.

use std::fmt::Write as _;

use crate::error::{Code, Error};
use crate::limits::{DEFAULT_PART_BYTES, MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES};

/// Part sizes that we choose are whole mebibytes.
const STEP: u64 = 1024 * 1024;

/// How many runs of part numbers a sentence names.
const MOST_RUNS: usize = 20;

/// How a file of a known length is cut: parts of one size, and a last one with what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    size: u64,
    part_size: u64,
}

impl Parts {
    /// Parts of the size `asked` for, or of the usual one; larger where there would be over 10,000.
    ///
    /// Fails with `invalid_request` for a file without bytes, and for a part size that S3 would not take.
    pub fn plan(size: u64, asked: Option<u64>) -> Result<Self, Error> {
        if size == 0 {
            return Err(Error::invalid_request(
                "size must be greater than 0: a multipart upload has at least one byte. Presign an empty file instead.",
            ));
        }
        let asked = asked.unwrap_or(DEFAULT_PART_BYTES);
        if !(MIN_PART_BYTES..=MAX_PART_BYTES).contains(&asked) {
            return Err(Error::invalid_request(format!(
                "partSize must be from {MIN_PART_BYTES} to {MAX_PART_BYTES} bytes (5 MiB to 5 GiB)."
            )));
        }
        let needed = size.div_ceil(MAX_PARTS.into());
        let part_size = if asked < needed {
            needed.next_multiple_of(STEP)
        } else {
            asked
        };
        Ok(Self { size, part_size })
    }

    /// Parts that were planned before; `None` if nobody can have planned them.
    #[must_use]
    pub fn planned(size: u64, part_size: u64) -> Option<Self> {
        let parts = Self { size, part_size };
        (size > 0 && part_size > 0 && parts.count() <= MAX_PARTS).then_some(parts)
    }

    /// The length of the file.
    #[must_use]
    pub const fn size(self) -> u64 {
        self.size
    }

    /// The length of every part but the last.
    #[must_use]
    pub const fn part_size(self) -> u64 {
        self.part_size
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u16 {
        u16::try_from(self.size.div_ceil(self.part_size)).unwrap_or(u16::MAX)
    }

    /// The exact length of part `number`, which counts from 1; `None` where there is no such part.
    #[must_use]
    pub fn size_of(self, number: u16) -> Option<u64> {
        let before = u64::from(number.checked_sub(1)?).checked_mul(self.part_size)?;
        let left = self.size.checked_sub(before).filter(|left| *left > 0)?;
        Some(left.min(self.part_size))
    }

    /// Fails with `parts_missing`, naming those that are not among `there` (number and length) as they must be.
    pub fn check(self, there: impl IntoIterator<Item = (u16, u64)>) -> Result<(), Error> {
        let mut missing = vec![true; usize::from(self.count())];
        for (number, size) in there {
            if self.size_of(number) == Some(size) {
                missing[usize::from(number) - 1] = false;
            }
        }
        let numbers = (1..=self.count()).filter(|number| missing[usize::from(*number) - 1]);
        let runs = runs(numbers);
        if runs.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            Code::PartsMissing,
            format!(
                "These parts are not there, or not as long as they must be: {}. Upload them, then complete again.",
                named(&runs)
            ),
        ))
    }
}

/// First and last number of each unbroken run.
fn runs(numbers: impl Iterator<Item = u16>) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// Such as `2, 5-9, 12`; an answer must not grow with ten thousand parts.
fn named(runs: &[(u16, u16)]) -> String {
    let mut text = String::new();
    for (at, (first, last)) in runs.iter().take(MOST_RUNS).enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = if first == last {
            write!(text, "{comma}{first}")
        } else {
            write!(text, "{comma}{first}-{last}")
        };
    }
    let more: u32 = runs
        .iter()
        .skip(MOST_RUNS)
        .map(|(first, last)| u32::from(last - first) + 1)
        .sum();
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
