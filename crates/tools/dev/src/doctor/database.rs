//! Checks the database with `migrate --diagnose`. Only that program links a Postgres client with
//! TLS.

use std::io;
use std::path::PathBuf;

use serde_json::Value;
use slipway_emulators::guard::Guard;
use tokio::process::Command;

use super::report::CheckOutcome;
use super::{Doctor, fault};
use crate::stack;

const CHECKS: [&str; 5] = ["database", "schema", "roles", "row-security", "writes"];

impl Doctor {
    /// Runs it, and adds its lines to the report.
    pub(super) async fn database(&mut self) {
        let Some(url) = self.target.database_url.clone() else {
            let why = "DATABASE_URL is not set here: only the API's responses show its state";
            return self.skip(&CHECKS[..1], why);
        };
        let outcomes = match self.diagnose(&url).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![(
                "database".to_owned(),
                CheckOutcome::Skipped(error.to_string()),
            )],
        };
        let seen = outcomes.len();
        for (check, outcome) in outcomes {
            self.report.add(&check, outcome);
        }
        if let Some(cause) = self.database_fault() {
            self.skip(
                CHECKS.get(seen..).unwrap_or_default(),
                &format!("because of {cause}"),
            );
        }
    }

    async fn diagnose(&self, url: &str) -> io::Result<Vec<(String, CheckOutcome)>> {
        let migrate = match &self.target.migrate {
            Some(path) => path.clone(),
            None => tokio::task::spawn_blocking(build)
                .await
                .map_err(io::Error::other)??,
        };
        let mut command = Command::new(migrate);
        command
            .arg("--diagnose")
            .env("DATABASE_URL", url)
            .env_remove("AWS_LAMBDA_RUNTIME_API")
            .kill_on_drop(true);
        let output = command.output().await?;
        if !output.status.success() {
            // It names the problem with the variable, and never its value.
            let said = String::from_utf8_lossy(&output.stderr)
                .trim()
                .trim_start_matches("error: ")
                .to_owned();
            return Ok(vec![(
                "database".to_owned(),
                CheckOutcome::DoctorFault(fault::DATABASE_URL, said),
            )]);
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().filter_map(finding).collect())
    }
}

/// One line of `migrate --diagnose`.
fn finding(line: &str) -> Option<(String, CheckOutcome)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let said = line["said"].as_str()?.to_owned();
    let outcome = match line["state"].as_str()? {
        "ok" => CheckOutcome::Well(said),
        "fault" => CheckOutcome::DoctorFault(fault::named(line["fault"].as_str()?)?, said),
        _ => CheckOutcome::Skipped(said),
    };
    Some((line["check"].as_str()?.to_owned(), outcome))
}

fn build() -> io::Result<PathBuf> {
    stack::migrate_program(&Guard::this()?)
}
