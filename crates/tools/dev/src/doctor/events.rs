//! Whether S3's events arrive: a file that nobody confirms must appear all the same.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};

use super::report::Outcome;
use super::{Doctor, fault};

const PAUSE: Duration = Duration::from_millis(500);

impl Doctor {
    /// Uploads without a word, and waits.
    pub(super) async fn events(&mut self) {
        let outcome = match self.target.events {
            Ok(patience) => self.appears_within(patience).await,
            Err(why) => Outcome::Skipped(why.to_owned()),
        };
        self.report.add("events", outcome);
    }

    async fn appears_within(&mut self, patience: Duration) -> Outcome {
        let at = match self.presign().await {
            Ok(at) => at,
            Err(outcome) => return outcome,
        };
        if !self.upload(at).await {
            return Outcome::Skipped("nothing was uploaded".to_owned());
        }
        let path = format!("/files/{}", self.made[at].id);
        let put = Instant::now();
        loop {
            match self.call(Method::GET, &path, None).await {
                Ok(answer) if answer.status == StatusCode::OK => {
                    let seconds = put.elapsed().as_secs_f64();
                    return Outcome::Well(format!(
                        "a file that nobody confirmed appeared after {seconds:.1} s"
                    ));
                }
                Ok(answer) if answer.status == StatusCode::NOT_FOUND => {}
                Ok(answer) => return self.trouble(fault::LIST_FAILS, "GET /files/{id}", &answer),
                Err(outcome) => return outcome,
            }
            if put.elapsed() > patience {
                let said = format!(
                    "a file that nobody confirmed did not appear in {} s",
                    patience.as_secs()
                );
                return Outcome::Fault(fault::EVENTS_MISSING, said);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
