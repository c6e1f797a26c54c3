//! Checks that the public has no access to the bucket.

use hyper::Method;

use super::report::CheckOutcome;
use super::{Doctor, fault, s3};

impl Doctor {
    /// Reads the object without a signature.
    pub(super) async fn bucket_private(&mut self, at: usize) {
        let outcome = self.unsigned(self.uploads[at].bare(), "the object").await;
        self.report.add("bucket-private", outcome);
    }

    /// Lists the bucket without a signature.
    pub(super) async fn bucket_list(&mut self, at: usize) {
        let url = format!("{}?list-type=2&max-keys=1", self.uploads[at].bucket());
        let outcome = self.unsigned(&url, "the list of keys").await;
        self.report.add("bucket-list", outcome);
    }

    async fn unsigned(&self, url: &str, what: &str) -> CheckOutcome {
        match self.http.send(Method::GET, url, &[], "").await {
            Ok(answer) if answer.status.is_success() => {
                let said = format!("{what} is public: no signature is needed");
                CheckOutcome::DoctorFault(fault::BUCKET_PUBLIC, said)
            }
            Ok(answer) => {
                let code = s3::code(&answer);
                CheckOutcome::Well(format!("{what} is refused without a signature: {code}"))
            }
            Err(error) => CheckOutcome::Skipped(format!("S3 does not respond: {error}")),
        }
    }
}
