//! Whether a browser lets pages of an origin call the API and the bucket (Fetch standard, "CORS protocol").

use hyper::Method;

use super::Doctor;
use super::fault::{self, Fault};
use super::http::Answer;
use super::report::Outcome;

/// A call that a page wants to make.
struct Wish {
    method: &'static str,
    headers: &'static [&'static str],
}

const API: [Wish; 3] = [
    Wish {
        method: "POST",
        headers: &["authorization", "content-type"],
    },
    Wish {
        method: "GET",
        headers: &["authorization"],
    },
    Wish {
        method: "DELETE",
        headers: &["authorization"],
    },
];

const BUCKET: [Wish; 2] = [
    Wish {
        method: "PUT",
        headers: &["content-type", "if-none-match", "x-amz-checksum-sha256"],
    },
    Wish {
        method: "GET",
        headers: &[],
    },
];

const NO_ORIGIN: &str =
    "no origin is known: give --origin, or the JSON of describe-stacks, which has AllowedOrigins";

impl Doctor {
    /// Asks the API, for each origin.
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

    /// Asks the bucket, for each origin.
    pub(super) async fn bucket_cors(&mut self, at: usize) {
        if self.target.origins.is_empty() {
            return self.skip(&["bucket-cors"], NO_ORIGIN);
        }
        let url = self.made[at].bare().to_owned();
        for origin in self.target.origins.clone() {
            let mut outcome = self
                .preflights(&url, &origin, &BUCKET, fault::BUCKET_CORS)
                .await;
            if matches!(outcome, Outcome::Well(_)) && !self.exposes_etag(&url, &origin).await {
                let said = format!("pages of {origin} cannot read ETag in S3's answers");
                outcome = Outcome::Warning(fault::BUCKET_ETAG, said);
            }
            self.report.add("bucket-cors", outcome);
        }
    }

    async fn preflights(&self, url: &str, origin: &str, wishes: &[Wish], fault: Fault) -> Outcome {
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
                Err(error) => return Outcome::Skipped(format!("no answer: {error}")),
            };
            if let Some(why) = refusal {
                let said = format!(
                    "browsers refuse {} to pages of {origin}: {why}",
                    wish.method
                );
                return Outcome::Fault(fault, said);
            }
        }
        let methods: Vec<_> = wishes.iter().map(|wish| wish.method).collect();
        Outcome::Well(format!("{origin} may {}", methods.join(", ")))
    }

    async fn exposes_etag(&self, url: &str, origin: &str) -> bool {
        // Refused, and still what a page could read of it.
        let answer = self
            .http
            .send(Method::GET, url, &[("origin", origin)], "")
            .await;
        answer.is_ok_and(|answer| has(&answer, "access-control-expose-headers", "etag", true))
    }
}

/// Why a browser would not go on after this answer to a preflight.
fn refusal(answer: &Answer, origin: &str, wish: &Wish) -> Option<String> {
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
            "the preflight is answered by {}",
            answer.status.as_u16()
        ));
    }
    // These need no permission (CORS-safelisted methods).
    let simple = ["GET", "HEAD", "POST"].contains(&wish.method);
    if !simple && !has(answer, "access-control-allow-methods", wish.method, true) {
        return Some("the method is not allowed".to_owned());
    }
    let mut wanted = wish.headers.iter();
    // A star does not stand for Authorization.
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

/// Whether a list in a header has `value`, or a star that may stand for it.
fn has(answer: &Answer, header: &str, value: &str, star: bool) -> bool {
    let lists = answer.headers.get_all(header).iter();
    let mut values = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    values.any(|one| one.trim().eq_ignore_ascii_case(value) || (star && one.trim() == "*"))
}
