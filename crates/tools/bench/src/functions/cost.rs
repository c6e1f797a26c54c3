//! The cost on Lambda: the billed time of a million of each request.

use std::fmt::Write as _;
use std::fs;
use std::io;

use serde_json::Value;

use super::case::Case;
use super::programs::Program;
use super::results::{CPU, MEAN, Results};
use crate::root;

/// Lambda gives one core to this many megabytes, and proportionally less to fewer.
const MB_OF_A_CORE: f64 = 1769.0;

/// The time that `cargo dev cost` assumes for waiting for S3 and Postgres.
const WAIT_MS: f64 = 60.0;

/// A row for each program and request. `quota` has the measurement of presigning as a 128 MB
/// function.
pub(super) fn table(results: &Results, quota: Option<&Results>) -> io::Result<String> {
    let prices: Value = serde_json::from_slice(&fs::read(root().join("docs/prices.json"))?)?;
    let price = |name: &str| prices[name].as_f64().unwrap_or(f64::NAN);
    let (second, request) = (
        price("lambdaGbSecondArm64"),
        price("lambdaRequestsPerMillion"),
    );
    let mut text = "| a million of | program | memory | ms billed | USD, time | USD, with the requests |\n|---|---|---|---|---|---|\n".to_owned();
    for case in Case::SHARED {
        for who in [
            Program::Slipway(0),
            Program::Rust,
            Program::Node,
            Program::Python,
        ] {
            let megabytes = if case == Case::Presign { 128.0 } else { 256.0 };
            let measured =
                || quota.and_then(|quota| Some(quota.median(quota.find(who, case)?, MEAN)? / 1e3));
            let ms = if case == Case::Presign {
                measured()
            } else {
                None
            };
            let ms = ms.or_else(|| {
                let cpu = results.median(results.find(who, case)?, CPU)? / 1e3;
                let waits = if case == Case::Presign { 0.0 } else { WAIT_MS };
                Some(waits + on_a_share(cpu, megabytes))
            });
            let Some(ms) = ms else { continue };
            let time = dollars(ms, megabytes, second);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {megabytes:.0} MB | {:.0} | {time:.2} | {:.2} |",
                case.label(),
                who.label(1),
                ms.ceil(),
                time + request,
            );
        }
    }
    Ok(text)
}

/// The duration of CPU work with the share of a core that a memory size gets.
fn on_a_share(cpu_ms: f64, megabytes: f64) -> f64 {
    cpu_ms * MB_OF_A_CORE / megabytes
}

/// The price of a million requests. Whole milliseconds are billed.
fn dollars(ms: f64, megabytes: f64, per_gb_second: f64) -> f64 {
    1e6 * ms.ceil() / 1e3 * megabytes / 1024.0 * per_gb_second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_milliseconds_of_a_gigabyte_are_a_thousand_seconds() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(dollars(1.0, 1024.0, 0.01), 10.0));
        assert!(near(dollars(0.2, 1024.0, 0.01), 10.0));
        assert!(near(dollars(1.2, 512.0, 0.01), 10.0));
        assert!(near(on_a_share(2.0, MB_OF_A_CORE / 2.0), 4.0));
    }
}
