//! `cargo dev cost`: the monthly cost of uploads, computed from given prices.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use clap::Args;
use serde::Deserialize;

use crate::workspace;

/// The usage. The defaults are those of a typical application.
#[derive(Clone, Debug, Args)]
pub(crate) struct CostOptions {
    /// Files uploaded in a month
    #[arg(long, default_value_t = 1e6)]
    uploads: f64,
    /// The size of a file, in megabytes
    #[arg(long, default_value_t = 1.0)]
    megabytes: f64,
    /// How often each file is read through a read URL
    #[arg(long, default_value_t = 3.0)]
    reads: f64,
    /// List requests for each upload
    #[arg(long, default_value_t = 1.0)]
    lists: f64,
    /// The share of files that are deleted
    #[arg(long, default_value_t = 0.1)]
    deletes: f64,
    /// The share of files that the client confirms with save-metadata; S3 sends an event for every
    /// file
    #[arg(long, default_value_t = 1.0)]
    confirmed: f64,
    /// Parts of a file; 1 is a single PUT
    #[arg(long, default_value_t = 1.0)]
    parts: f64,
    /// The duration of a call that waits for S3 and Postgres, in milliseconds
    #[arg(long, default_value_t = 60.0)]
    wait_ms: f64,
    /// Events in a batch of record-upload
    #[arg(long, default_value_t = 4.0)]
    batch: f64,
    /// First visits of the page, if the template hosts it
    #[arg(long, default_value_t = 0.0)]
    visits: f64,
    /// Readers read through CloudFront (`PublicRead`) and not from S3
    #[arg(long)]
    cloudfront: bool,
    /// Another file with prices
    #[arg(long)]
    prices: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prices {
    date: String,
    #[serde(rename = "where")]
    place: String,
    http_api_per_million: f64,
    lambda_requests_per_million: f64,
    lambda_gb_second_arm64: f64,
    s3_put_per_thousand: f64,
    s3_get_per_thousand: f64,
    s3_storage_gb_month: f64,
    s3_egress_gb: f64,
    sqs_per_million: f64,
    logs_ingest_gb: f64,
    metric_month: f64,
    alarm_month: f64,
    secret_month: f64,
    key_month: f64,
    cloudfront_gb: f64,
    cloudfront_requests_per_million: f64,
    cloudfront_free_gb: f64,
    cloudfront_free_million_requests: f64,
}

/// The memory of `presign`, and of the functions that hold a connection, as in `template.yaml`.
const PRESIGN_GB: f64 = 128.0 / 1024.0;
const FUNCTION_GB: f64 = 256.0 / 1024.0;

/// The duration of presigning in seconds. Lambda bills whole milliseconds.
const PRESIGN_SECONDS: f64 = 0.002;

/// Bytes of log for each request: of the function, of Lambda and of API Gateway.
const LOG_BYTES: f64 = 1500.0;

/// The metrics of a deployment in use, and the metrics of its alarms.
const METRICS: f64 = 20.0;
const ALARMS: f64 = 15.0;

/// The compressed size of the page, and its number of files.
const PAGE_GB: f64 = 100e3 / 1e9;
const PAGE_FILES: f64 = 6.0;

/// A month of 30 days of `maintain` every hour without work: 2 s each.
const MAINTAIN_GB_SECONDS: f64 = 30.0 * 24.0 * 2.0 * 0.5;

/// Reads the prices and returns the table.
pub(crate) fn table(usage: &CostOptions) -> io::Result<String> {
    let default = || workspace::root().join("docs/prices.json");
    let path = usage.prices.clone().unwrap_or_else(default);
    let prices: Prices = serde_json::from_slice(&fs::read(path)?)?;
    Ok(written(usage, &prices))
}

fn written(usage: &CostOptions, prices: &Prices) -> String {
    let lines = lines(usage, prices);
    let sum: f64 = lines.iter().map(|(_, _, dollars)| dollars).sum();
    let mut text = format!(
        "Prices of {} ({}).\n\n| what | how much | USD a month |\n|---|---|---|\n",
        prices.date, prices.place
    );
    // Writing to a String cannot fail.
    for (what, how_much, dollars) in lines {
        let _ = writeln!(text, "| {what} | {how_much} | {dollars:.2} |");
    }
    let _ = writeln!(text, "| **together, without Postgres** | | **{sum:.2}** |");
    text
}

fn lines(usage: &CostOptions, prices: &Prices) -> Vec<(&'static str, String, f64)> {
    let uploads = usage.uploads;
    let in_parts = usage.parts > 1.0;
    // For multipart uploads: create, sign (a thousand parts at once) and complete; otherwise
    // presign and save-metadata.
    let begun = if in_parts {
        1.0 + (usage.parts / 1000.0).ceil()
    } else {
        1.0
    };
    let presigns = if in_parts { 0.0 } else { uploads };
    let waiting = uploads
        * (usage.confirmed + usage.lists + usage.deletes + if in_parts { begun } else { 0.0 });
    let requests = presigns + waiting;
    let batches = uploads / usage.batch.max(1.0);
    let seconds = usage.wait_ms / 1000.0;
    let gb_seconds = presigns * PRESIGN_SECONDS * PRESIGN_GB
        + (waiting + batches) * seconds * FUNCTION_GB
        + MAINTAIN_GB_SECONDS;
    let puts = uploads * if in_parts { usage.parts + 2.0 } else { 1.0 };
    // Recording sends HEAD and a range GET, once for the client and once for the event.
    let looks = uploads * 2.0 * (1.0 + usage.confirmed);
    let gigabytes = uploads * usage.megabytes / 1000.0;
    let fixed = METRICS * prices.metric_month
        + ALARMS * prices.alarm_month
        + prices.secret_month
        + prices.key_month;
    let mut lines = vec![
        (
            "API Gateway (HTTP API)",
            millions(requests),
            requests / 1e6 * prices.http_api_per_million,
        ),
        (
            "Lambda, invocations",
            millions(requests + batches),
            (requests + batches) / 1e6 * prices.lambda_requests_per_million,
        ),
        (
            "Lambda, time",
            format!("{gb_seconds:.0} GB-s"),
            gb_seconds * prices.lambda_gb_second_arm64,
        ),
        (
            "S3, PUT and its like",
            millions(puts),
            puts / 1e3 * prices.s3_put_per_thousand,
        ),
        (
            "S3, HEAD and GET by us",
            millions(looks),
            looks / 1e3 * prices.s3_get_per_thousand,
        ),
        // Sent, received, deleted. EventBridge does not bill events of AWS services.
        (
            "SQS",
            millions(uploads + 2.0 * batches),
            (uploads + 2.0 * batches) / 1e6 * prices.sqs_per_million,
        ),
        (
            "CloudWatch logs",
            format!("{:.1} GB", (requests + batches) * LOG_BYTES / 1e9),
            (requests + batches) * LOG_BYTES / 1e9 * prices.logs_ingest_gb,
        ),
        (
            "Metrics, alarms, a secret, a key",
            format!("{METRICS} metrics, {ALARMS} alarms"),
            fixed,
        ),
        (
            "S3, storage of one month's uploads",
            format!("{gigabytes:.0} GB"),
            gigabytes * prices.s3_storage_gb_month,
        ),
    ];
    lines.extend(reads(usage, prices));
    if usage.visits > 0.0 {
        let (gigabytes, requests) = (usage.visits * PAGE_GB, usage.visits * PAGE_FILES);
        lines.push((
            "CloudFront, the page",
            format!("{gigabytes:.1} GB, {}", millions(requests)),
            gigabytes * prices.cloudfront_gb
                + requests / 1e6 * prices.cloudfront_requests_per_million,
        ));
    }
    lines
}

/// The requests and the bytes of readers. They are most of the bill, and the only part that depends
/// on who serves them.
fn reads(usage: &CostOptions, prices: &Prices) -> Vec<(&'static str, String, f64)> {
    let count = usage.uploads * usage.reads;
    let gigabytes = count * usage.megabytes / 1000.0;
    let bytes = format!("{gigabytes:.0} GB");
    let gets = |count: f64| count / 1e3 * prices.s3_get_per_thousand;
    if !usage.cloudfront {
        let out = gigabytes * prices.s3_egress_gb;
        return vec![
            ("S3, GET by readers", millions(count), gets(count)),
            ("S3, bytes out to readers", bytes, out),
        ];
    }
    // The first read of a file misses the cache. S3 does not bill bytes to CloudFront.
    let misses = usage.uploads * usage.reads.min(1.0);
    let billed = (count / 1e6 - prices.cloudfront_free_million_requests).max(0.0);
    let out = (gigabytes - prices.cloudfront_free_gb).max(0.0);
    vec![
        ("S3, GET by CloudFront", millions(misses), gets(misses)),
        (
            "CloudFront, GET by readers",
            millions(count),
            billed * prices.cloudfront_requests_per_million,
        ),
        (
            "CloudFront, bytes out to readers",
            bytes,
            out * prices.cloudfront_gb,
        ),
    ]
}

fn millions(count: f64) -> String {
    format!("{:.2} million", count / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        usage: CostOptions,
    }

    fn usage(args: &[&str]) -> CostOptions {
        Line::parse_from([&["cost"], args].concat()).usage
    }

    fn sum(usage: &CostOptions) -> f64 {
        let prices = fs::read(workspace::root().join("docs/prices.json")).unwrap();
        let prices = serde_json::from_slice(&prices).unwrap();
        lines(usage, &prices).iter().map(|line| line.2).sum()
    }

    #[test]
    fn the_documented_tables_are_what_it_prints() {
        let document = fs::read_to_string(workspace::root().join("docs/cost.md")).unwrap();
        for args in [
            vec![],
            vec!["--megabytes", "500", "--parts", "32", "--reads", "1"],
            vec!["--cloudfront"],
        ] {
            let table = table(&usage(&args)).unwrap();
            assert!(document.contains(&table), "docs/cost.md lacks:\n{table}");
        }
    }

    #[test]
    fn more_costs_more() {
        let base = sum(&usage(&[]));
        for more in [
            ["--uploads", "2000000"],
            ["--megabytes", "2"],
            ["--reads", "4"],
            ["--lists", "2"],
            ["--deletes", "1"],
            ["--parts", "10"],
            ["--wait-ms", "120"],
            ["--visits", "1000"],
        ] {
            assert!(sum(&usage(&more)) > base, "{more:?}");
        }
        assert!(sum(&usage(&["--confirmed", "0"])) < base);
        assert!(sum(&usage(&["--batch", "10"])) < base);
        assert!(sum(&usage(&["--cloudfront"])) < base);
    }
}
