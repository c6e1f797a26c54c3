//! Checks the application that receives webhooks: it must answer, and refuse what is not signed.

use hyper::{Method, StatusCode};

use super::report::CheckOutcome;
use super::{Doctor, fault};

/// An event that an application would act on if it did not verify signatures. No file has this id.
const UNSIGNED: &str = r#"{"type":"file.scanned","timestamp":"2026-01-01T00:00:00Z","data":{"userId":"slipway-doctor","file":{"id":"00000000-0000-7000-8000-000000000000"}}}"#;

impl Doctor {
    /// Sends a delivery with a wrong signature, if the address is known.
    pub(super) async fn webhook(&mut self) {
        let Some(url) = self.target.webhook_url.clone() else {
            return;
        };
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", "slipway-doctor"),
            ("webhook-timestamp", "1767225600"),
            (
                "webhook-signature",
                "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ),
        ];
        let answer = self.http.send(Method::POST, &url, &headers, UNSIGNED).await;
        let outcome = match answer {
            Ok(answer) => judged(answer.status),
            Err(error) => CheckOutcome::DoctorFault(fault::WEBHOOK_UNREACHABLE, error),
        };
        self.report.add("webhook", outcome);
    }
}

fn judged(status: StatusCode) -> CheckOutcome {
    let said = format!(
        "a delivery with a wrong signature was answered by {}",
        status.as_u16()
    );
    let found = match status.as_u16() {
        200..=299 => fault::WEBHOOK_UNVERIFIED,
        300..=399 => fault::WEBHOOK_REDIRECTS,
        // It has no such route, or stops every event.
        404 | 405 | 410 | 500.. => fault::WEBHOOK_FAILS,
        _ => return CheckOutcome::Well(said),
    };
    CheckOutcome::DoctorFault(found, said)
}
