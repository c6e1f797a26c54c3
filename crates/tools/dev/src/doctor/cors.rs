//! Checks that browsers let pages of an origin call the API and the bucket (Fetch standard, "CORS
//! protocol").

use hyper::Method;

use super::Doctor;
use super::fault::{self, DoctorFault};
use super::http::HttpResponse;
use super::report::CheckOutcome;

/// A request that a page sends.
struct PageRequest {
    method: &'static str,
    headers: &'static [&'static str],
}

const API: [PageRequest; 3] = [
    PageRequest {
        method: "POST",
        headers: &["authorization", "content-type"],
    },
    PageRequest {
        method: "GET",
        headers: &["authorization"],
    },
    PageRequest {
        method: "DELETE",
        headers: &["authorization"],
    },
];

const BUCKET: [PageRequest; 2] = [
    PageRequest {
        method: "PUT",
        headers: &["content-type", "if-none-match", "x-amz-checksum-sha256"],
    },
    PageRequest {
        method: "GET",
        headers: &[],
    },
];

const NO_ORIGIN: &str = "no origin is known: set --origin, or use the JSON of describe-stacks, which has AllowedOrigins";

impl Doctor {
    /// Checks the API for each origin.
    pub(super) async fn api_cors(&mut self) {
        if self.target.origins.is_empty() {
            return self.skip(&["api-cors"], NO_ORIGIN);
        }
        let url = self.target.url("/files");
        for origin in self.target.origins.clone() {
            let outcome = self.preflights(&url, &origin, &API, fault::API_CORS).await;
            self.report.add("api-cors", outcome);
        }
    }

    /// Checks the bucket for each origin.
    pub(super) async fn bucket_cors(&mut self, at: usize) {
        if self.target.origins.is_empty() {
            return self.skip(&["bucket-cors"], NO_ORIGIN);
        }
        let url = self.uploads[at].bare().to_owned();
        for origin in self.target.origins.clone() {
            let mut outcome = self
                .preflights(&url, &origin, &BUCKET, fault::BUCKET_CORS)
                .await;
            if matches!(outcome, CheckOutcome::Well(_)) && !self.exposes_etag(&url, &origin).await {
                let said = format!("pages of {origin} cannot read ETag in S3's responses");
                outcome = CheckOutcome::Warning(fault::BUCKET_ETAG, said);
            }
            self.report.add("bucket-cors", outcome);
        }
    }

    async fn preflights(
        &self,
        url: &str,
        origin: &str,
        wishes: &[PageRequest],
        fault: DoctorFault,
    ) -> CheckOutcome {
        for wish in wishes {
            let asked = wish.headers.join(",");
            let mut headers = vec![
                ("origin", origin),
                ("access-control-request-method", wish.method),
            ];
            if !asked.is_empty() {
                headers.push(("access-control-request-headers", &asked));
            }
            let refusal = match self.http.send(Method::OPTIONS, url, &headers, "").await {
                Ok(answer) => refusal(&answer, origin, wish),
                Err(error) => return CheckOutcome::Skipped(format!("no answer: {error}")),
            };
            if let Some(why) = refusal {
                let said = format!(
                    "browsers refuse {} to pages of {origin}: {why}",
                    wish.method
                );
                return CheckOutcome::DoctorFault(fault, said);
            }
        }
        let methods: Vec<_> = wishes.iter().map(|wish| wish.method).collect();
        CheckOutcome::Well(format!("{origin} may {}", methods.join(", ")))
    }

    async fn exposes_etag(&self, url: &str, origin: &str) -> bool {
        // The upload is refused, but the response shows whether a page could read it.
        let answer = self
            .http
            .send(Method::GET, url, &[("origin", origin)], "")
            .await;
        answer.is_ok_and(|answer| has(&answer, "access-control-expose-headers", "etag", true))
    }
}

/// The reason why a browser would stop after this preflight response.
fn refusal(answer: &HttpResponse, origin: &str, wish: &PageRequest) -> Option<String> {
    let allowed = answer.header("access-control-allow-origin");
    if allowed != Some("*") && allowed != Some(origin) {
        let status = answer.status.as_u16();
        return Some(match allowed {
            Some(other) => format!("{status}, and only {other} is allowed"),
            None => format!("{status}, without Access-Control-Allow-Origin"),
        });
    }
    if !answer.status.is_success() {
        return Some(format!(
            "the preflight response is {}",
            answer.status.as_u16()
        ));
    }
    // These methods need no permission (CORS-safelisted methods).
    let simple = ["GET", "HEAD", "POST"].contains(&wish.method);
    if !simple && !has(answer, "access-control-allow-methods", wish.method, true) {
        return Some("the method is not allowed".to_owned());
    }
    let mut wanted = wish.headers.iter();
    // A star does not include Authorization.
    let missing = wanted.find(|name| {
        !has(
            answer,
            "access-control-allow-headers",
            name,
            **name != "authorization",
        )
    });
    missing.map(|name| format!("the header {name} is not allowed"))
}

/// Whether a list in a header contains `value`, or a star that may stand for it.
fn has(answer: &HttpResponse, header: &str, value: &str, star: bool) -> bool {
    let lists = answer.headers.get_all(header).iter();
    let mut values = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    values.any(|one| one.trim().eq_ignore_ascii_case(value) || (star && one.trim() == "*"))
}
