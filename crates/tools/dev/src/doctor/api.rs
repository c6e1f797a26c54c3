//! The API: it is there, it is Slipway, it lets nobody in without a good token, and it has its database.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::http::Answer;
use super::report::Outcome;
use super::trip::{BYTES, Made, NAME};
use super::{Doctor, fault, jwt};

impl Doctor {
    /// Asks without a token: anything but a refusal is wrong.
    pub(super) async fn api(&mut self) -> bool {
        let url = self.target.url("/presign-upload");
        let headers = [("content-type", "application/json")];
        let answer = match self.http.send(Method::POST, &url, &headers, "{}").await {
            Ok(answer) => answer,
            Err(error) => {
                let said = format!("{} does not answer: {error}", self.target.api);
                return self
                    .report
                    .add("api", Outcome::Fault(fault::API_UNREACHABLE, said));
            }
        };
        self.clocks.see("the API", &answer);
        let said = answer.words();
        let outcome = match answer.status.as_u16() {
            401 | 403 if answer.json().is_object() => {
                Outcome::Well(format!("answers, and refuses who has no token: {said}"))
            }
            // A server that does not know POST is another server.
            500.. if answer.status != StatusCode::NOT_IMPLEMENTED => {
                Outcome::Fault(fault::API_FAILING, format!("answers {said}"))
            }
            200..300 | 400 | 413 | 415 if answer.json()["success"].is_boolean() => {
                let said = format!("a call without a token was let through: {said}");
                Outcome::Fault(fault::API_OPEN, said)
            }
            _ => {
                let said = format!("POST {url} answers {said}, which Slipway would not");
                Outcome::Fault(fault::API_NOT_SLIPWAY, said)
            }
        };
        self.report.add("api", outcome)
    }

    /// Asks for an upload with the token; answers its place among those begun.
    pub(super) async fn token(&mut self) -> Option<usize> {
        let outcome = match self.presign().await {
            Ok(at) => {
                self.report
                    .add("token", Outcome::Well("accepted".to_owned()));
                return Some(at);
            }
            Err(outcome) => outcome,
        };
        self.report.add("token", outcome);
        None
    }

    /// Asks for the URL of an upload.
    pub(super) async fn presign(&mut self) -> Result<usize, Outcome> {
        let mut ask = json!({
            "fileName": NAME, "contentType": self.target.kind.content_type, "size": BYTES.len(),
            "checksumSha256": STANDARD.encode(digest(&SHA256, BYTES)),
        });
        if let Some(rule) = &self.target.kind.rule {
            ask["rule"] = json!(rule);
        }
        let answer = self
            .call(Method::POST, "/presign-upload", Some(&ask))
            .await?;
        if answer.status == StatusCode::UNAUTHORIZED || answer.status == StatusCode::FORBIDDEN {
            let (fault, said) = jwt::diagnose(&self.target, &answer);
            return Err(Outcome::Fault(fault, said));
        }
        if answer.json()["code"] == "quota_exceeded" {
            return Err(Outcome::Fault(fault::TOKEN_QUOTA, answer.words()));
        }
        if answer.status != StatusCode::OK {
            return Err(self.trouble(fault::API_FAILING, "presigning", &answer));
        }
        let Some(made) = Made::read(&answer.json()) else {
            let said = "presigning answered 200, and no upload".to_owned();
            return Err(Outcome::Fault(fault::API_NOT_SLIPWAY, said));
        };
        self.clocks
            .see_signature("the function that signs", &made.url, &answer);
        self.made.push(made);
        Ok(self.made.len() - 1)
    }

    /// Asks what needs the database alone.
    pub(super) async fn api_database(&mut self) -> bool {
        let outcome = match self.call(Method::GET, "/usage", None).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                Outcome::Well("the functions reach their database".to_owned())
            }
            Ok(answer) => {
                // API Gateway's own words: the function did not answer at all.
                let silent = answer.json()["code"].is_null();
                let fault = if silent {
                    fault::API_FAILING
                } else {
                    fault::API_DATABASE
                };
                self.trouble(fault, "GET /usage", &answer)
            }
            Err(outcome) => outcome,
        };
        self.report.add("api-database", outcome)
    }

    /// Calls the API as the token's user.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Outcome> {
        let bearer = format!("Bearer {}", self.target.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = body.map(ToString::to_string).unwrap_or_default();
        let headers = if body.is_empty() {
            &headers[..1]
        } else {
            &headers
        };
        let answer = self
            .http
            .send(method, &self.target.url(path), headers, body)
            .await;
        answer.map_err(|error| {
            let said = format!("{path} does not answer: {error}");
            Outcome::Fault(fault::API_UNREACHABLE, said)
        })
    }

    /// An answer that should not be: the database's fault, if that has one.
    pub(super) fn trouble(&self, fault: fault::Fault, what: &str, answer: &Answer) -> Outcome {
        let said = format!("{what} answers {}", answer.words());
        // A denied permission is `internal`. These two say that something did not answer, or that it may pass.
        let may_pass = ["unavailable", "timeout"]
            .iter()
            .any(|code| answer.json()["code"] == *code);
        let by_log = [fault::SAVE_FAILS, fault::LIST_FAILS, fault::DELETE_FAILS];
        let fault = if may_pass && by_log.contains(&fault) {
            fault::API_UNAVAILABLE
        } else {
            fault
        };
        match self.database_fault() {
            Some(cause) if answer.status.is_server_error() => {
                Outcome::Skipped(format!("{said}: because of {cause}"))
            }
            _ => Outcome::Fault(fault, said),
        }
    }
}
