//! Checks that S3's events arrive: an unconfirmed file must still be recorded.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};

use super::report::CheckOutcome;
use super::{Doctor, fault};

const PAUSE: Duration = Duration::from_millis(500);

impl Doctor {
    /// Uploads a file without confirming it, and waits.
    pub(super) async fn events(&mut self) {
        let outcome = match self.target.events {
            Ok(patience) => self.appears_within(patience).await,
            Err(why) => CheckOutcome::Skipped(why.to_owned()),
        };
        self.report.add("events", outcome);
    }

    async fn appears_within(&mut self, patience: Duration) -> CheckOutcome {
        let at = match self.presign().await {
            Ok(at) => at,
            Err(outcome) => return outcome,
        };
        if !self.upload(at).await {
            return CheckOutcome::Skipped("nothing was uploaded".to_owned());
        }
        let path = format!("/files/{}", self.uploads[at].id);
        let put = Instant::now();
        loop {
            match self.call(Method::GET, &path, None).await {
                Ok(answer) if answer.status == StatusCode::OK => {
                    let seconds = put.elapsed().as_secs_f64();
                    return CheckOutcome::Well(format!(
                        "an unconfirmed file was recorded after {seconds:.1} s"
                    ));
                }
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => {}
                Ok(answer) => return self.trouble(fault::LIST_FAILS, "GET /files/{id}", &answer),
                Err(outcome) => return outcome,
            }
            if put.elapsed() > patience {
                let said = format!(
                    "an unconfirmed file was not recorded within {} s",
                    patience.as_secs()
                );
                return CheckOutcome::DoctorFault(fault::EVENTS_MISSING, said);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
