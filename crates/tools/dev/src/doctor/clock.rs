//! Clocks against each other: what signs, what checks, and this machine.

use std::time::SystemTime;

use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::http::Answer;
use super::report::Outcome;
use super::{Doctor, fault};

/// S3 refuses signatures that are farther away than this.
const S3_REFUSES: i64 = 15 * 60;

/// Worth a word before it breaks anything.
const WORTH_A_WORD: i64 = 60;

/// Whose clock is how many seconds ahead of this machine's.
#[derive(Debug, Default)]
pub(super) struct Clocks(Vec<(&'static str, i64)>);

impl Clocks {
    /// Reads `Date`.
    pub(super) fn see(&mut self, whose: &'static str, answer: &Answer) {
        let date = answer
            .header("date")
            .and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
        self.add(whose, date, answer.at);
    }

    /// Reads when a URL was signed.
    pub(super) fn see_signature(&mut self, whose: &'static str, url: &str, answer: &Answer) {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let signed = url
            .split_once("X-Amz-Date=")
            .and_then(|(_, rest)| PrimitiveDateTime::parse(rest.get(..16)?, format).ok());
        self.add(whose, signed.map(PrimitiveDateTime::assume_utc), answer.at);
    }

    fn add(&mut self, whose: &'static str, time: Option<OffsetDateTime>, at: SystemTime) {
        let known = self.0.iter().any(|(name, _)| *name == whose);
        if let Some(time) = time.filter(|_| !known) {
            self.0
                .push((whose, (time - OffsetDateTime::from(at)).whole_seconds()));
        }
    }

    fn outcome(&self) -> Outcome {
        if self.0.is_empty() {
            return Outcome::Skipped("nobody told the time".to_owned());
        }
        let mut all = self.0.clone();
        all.push(("this machine", 0));
        all.sort_by_key(|(_, seconds)| *seconds);
        // Most clocks are right.
        let right = all[all.len() / 2].1;
        let off = |(_, seconds): &&(&str, i64)| (seconds - right).abs() >= WORTH_A_WORD;
        let said: Vec<String> = all
            .iter()
            .filter(off)
            .map(|(whose, seconds)| {
                let way = if *seconds > right { "ahead" } else { "behind" };
                format!(
                    "the clock of {whose} is {} s {way}",
                    (seconds - right).abs()
                )
            })
            .collect();
        let spread = all[all.len() - 1].1 - all[0].1;
        match (said.is_empty(), spread >= S3_REFUSES) {
            (true, _) => Outcome::Well(format!("all clocks agree to {spread} s")),
            (false, true) => Outcome::Fault(fault::CLOCK, said.join(", ")),
            (false, false) => Outcome::Warning(fault::CLOCK, said.join(", ")),
        }
    }
}

impl Doctor {
    /// Compares what was seen.
    pub(super) fn clock(&mut self) {
        let outcome = self.clocks.outcome();
        self.report.add("clock", outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::{Clocks, Outcome};

    #[test]
    fn the_clock_that_is_off_is_named() {
        let of = |api, s3, signer| {
            Clocks(vec![("the API", api), ("S3", s3), ("signer", signer)]).outcome()
        };
        assert!(matches!(of(0, 1, 0), Outcome::Well(_)));
        assert!(matches!(of(0, 59, 0), Outcome::Well(_)));
        let Outcome::Warning(_, said) = of(0, 0, -90) else {
            panic!()
        };
        assert_eq!(said, "the clock of signer is 90 s behind");
        let Outcome::Fault(_, said) = of(0, 1200, 0) else {
            panic!()
        };
        assert_eq!(said, "the clock of S3 is 1200 s ahead");
        let Outcome::Fault(_, said) = of(-1200, -1200, -1201) else {
            panic!()
        };
        assert_eq!(said, "the clock of this machine is 1200 s ahead");
    }
}
