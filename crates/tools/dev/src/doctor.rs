//! `cargo dev doctor`: examines a deployment from outside, and reports what is wrong and what to
//! do.

mod api;
mod clock;
mod cors;
mod database;
mod events;
mod fault;
pub(crate) mod http;
mod jwt;
mod open;
pub(crate) mod outputs;
mod read;
mod report;
mod rules;
pub(crate) mod s3;
mod target;
mod trip;
mod webhook;

use std::io;

use crate::state::StackState;
use clock::Clocks;
use http::Http;
use report::{CheckOutcome, DoctorReport};
pub(crate) use target::DoctorOptions;
use target::Target;
use trip::PresignedUpload;

/// One examination.
struct Doctor {
    http: Http,
    target: Target,
    report: DoctorReport,
    clocks: Clocks,
    /// The uploads that were presigned. They are removed at the end.
    uploads: Vec<PresignedUpload>,
}

/// Examines the target and prints the report. Returns whether nothing is wrong.
pub(crate) fn run(options: &DoctorOptions, state: &StackState) -> io::Result<bool> {
    let target = Target::find(options, state)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let done = runtime.block_on(async {
        let mut doctor = Doctor {
            http: Http::new()?,
            target,
            report: DoctorReport::new(options.json),
            clocks: Clocks::default(),
            uploads: Vec::new(),
        };
        doctor.examine().await;
        Ok(doctor.report.finish())
    });
    runtime.shutdown_background();
    done
}

impl Doctor {
    /// Runs every check. If one fails, the checks that need it are reported as skipped.
    async fn examine(&mut self) {
        self.database().await;
        self.webhook().await;
        if !self.api().await {
            let why = "the API does not respond as Slipway does";
            self.skip(
                &[
                    "token",
                    "api-cors",
                    "api-database",
                    "s3",
                    "upload",
                    "events",
                ],
                why,
            );
            return;
        }
        self.api_cors().await;
        self.rules();
        let Some(first) = self.token().await else {
            let why = "the API cannot be called without a valid token";
            self.skip(&["api-database", "s3", "upload", "events"], why);
            return;
        };
        let api_works = self.api_database().await;
        let s3_works = self.s3(first).await;
        self.clock();
        if s3_works {
            self.bucket_cors(first).await;
        } else {
            self.skip(
                &["bucket-cors", "bucket-list"],
                "S3 refuses the functions' signed URLs",
            );
        }
        if s3_works && api_works {
            self.signed_type(first).await;
            let mut recorded = true;
            if self.upload(first).await {
                self.bucket_private(first).await;
                recorded = self.round_trip(first).await;
            }
            if recorded {
                self.events().await;
            } else {
                self.skip(
                    &["events"],
                    "an event cannot record what `save-metadata` cannot",
                );
            }
        } else {
            let why = if s3_works {
                "the API could not delete it again"
            } else {
                "S3 would refuse it"
            };
            self.skip(&["upload", "events"], why);
        }
        if s3_works {
            self.bucket_list(first).await;
        }
        self.clean_up().await;
    }

    fn skip(&mut self, checks: &[&str], why: &str) {
        for check in checks {
            self.report
                .add(check, CheckOutcome::Skipped(why.to_owned()));
        }
    }

    /// The fault of the database, if there is one. Errors of the API are then a consequence.
    fn database_fault(&self) -> Option<&'static str> {
        let checks = [
            "database",
            "schema",
            "roles",
            "row-security",
            "writes",
            "api-database",
        ];
        self.report.fault_of(&checks)
    }
}
