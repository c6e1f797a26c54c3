//! The arithmetic of multipart uploads: the length of each part, and the missing parts.

use std::fmt::Write as _;

use crate::error::{Code, Error};
use crate::limits::{DEFAULT_PART_BYTES, MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES};

/// The part sizes that we choose are multiples of a mebibyte.
const STEP: u64 = 1024 * 1024;

/// The most ranges of part numbers that a message names.
const MOST_RUNS: usize = 20;

/// The division of a file into parts: all of one size, except the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    size: u64,
    part_size: u64,
}

impl Parts {
    /// Parts of the requested size, or of the default size; larger if there would be more than
    /// 10,000.
    ///
    /// Fails with `invalid_request` for an empty file, and for a part size that S3 does not accept.
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

    /// Parts that were planned earlier; `None` if they cannot be the result of [`Parts::plan`].
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

    /// The length of every part except the last.
    #[must_use]
    pub const fn part_size(self) -> u64 {
        self.part_size
    }

    /// The number of parts.
    #[must_use]
    pub fn count(self) -> u16 {
        u16::try_from(self.size.div_ceil(self.part_size)).unwrap_or(u16::MAX)
    }

    /// The exact length of part `number`, counted from 1; `None` if there is no such part.
    #[must_use]
    pub fn size_of(self, number: u16) -> Option<u64> {
        let before = u64::from(number.checked_sub(1)?).checked_mul(self.part_size)?;
        let left = self.size.checked_sub(before).filter(|left| *left > 0)?;
        Some(left.min(self.part_size))
    }

    /// Fails with `parts_missing` unless `there` (numbers and lengths) contains every part with its
    /// exact length. The error names the missing parts.
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

/// The first and last number of each contiguous range.
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

/// Ranges such as `2, 5-9, 12`. Their number is limited, because there may be 10,000 parts.
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
