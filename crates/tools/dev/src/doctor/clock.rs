//! Compares the clocks of the signing functions, of the servers and of this machine.

use std::time::SystemTime;

use time::format_description::well_known::Rfc2822;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::http::HttpResponse;
use super::report::CheckOutcome;
use super::{Doctor, fault};

/// S3 refuses signatures with a larger difference.
const S3_REFUSES: i64 = 15 * 60;

/// A difference that is reported before anything breaks.
const WORTH_A_WORD: i64 = 60;

/// The clocks, and how many seconds each is ahead of this machine's.
#[derive(Debug, Default)]
pub(super) struct Clocks(Vec<(&'static str, i64)>);

impl Clocks {
    /// Reads a `Date` header.
    pub(super) fn see(&mut self, whose: &'static str, answer: &HttpResponse) {
        let date = answer
            .header("date")
            .and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
        self.add(whose, date, answer.at);
    }

    /// Reads the signing time of a URL.
    pub(super) fn see_signature(&mut self, whose: &'static str, url: &str, answer: &HttpResponse) {
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

    fn outcome(&self) -> CheckOutcome {
        if self.0.is_empty() {
            return CheckOutcome::Skipped("no response had a time".to_owned());
        }
        let mut all = self.0.clone();
        all.push(("this machine", 0));
        all.sort_by_key(|(_, seconds)| *seconds);
        // Most clocks are assumed to be right.
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
            (true, _) => CheckOutcome::Well(format!("all clocks agree to {spread} s")),
            (false, true) => CheckOutcome::DoctorFault(fault::CLOCK, said.join(", ")),
            (false, false) => CheckOutcome::Warning(fault::CLOCK, said.join(", ")),
        }
    }
}

impl Doctor {
    /// Compares the clocks.
    pub(super) fn clock(&mut self) {
        let outcome = self.clocks.outcome();
        self.report.add("clock", outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckOutcome, Clocks};

    #[test]
    fn the_wrong_clock_is_named() {
        let of = |api, s3, signer| {
            Clocks(vec![("the API", api), ("S3", s3), ("signer", signer)]).outcome()
        };
        assert!(matches!(of(0, 1, 0), CheckOutcome::Well(_)));
        assert!(matches!(of(0, 59, 0), CheckOutcome::Well(_)));
        let CheckOutcome::Warning(_, said) = of(0, 0, -90) else {
            panic!()
        };
        assert_eq!(said, "the clock of signer is 90 s behind");
        let CheckOutcome::DoctorFault(_, said) = of(0, 1200, 0) else {
            panic!()
        };
        assert_eq!(said, "the clock of S3 is 1200 s ahead");
        let CheckOutcome::DoctorFault(_, said) = of(-1200, -1200, -1201) else {
            panic!()
        };
        assert_eq!(said, "the clock of this machine is 1200 s ahead");
    }
}
