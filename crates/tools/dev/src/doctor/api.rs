//! Checks of the API: it responds, it is Slipway, it refuses invalid tokens, and it reaches its
//! database.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::http::HttpResponse;
use super::report::CheckOutcome;
use super::trip::{BYTES, NAME, PresignedUpload};
use super::{Doctor, fault, jwt};

impl Doctor {
    /// Sends a request without a token. Any response but a refusal is wrong.
    pub(super) async fn api(&mut self) -> bool {
        let url = self.target.url("/presign-upload");
        let headers = [("content-type", "application/json")];
        let answer = match self.http.send(Method::POST, &url, &headers, "{}").await {
            Ok(answer) => answer,
            Err(error) => {
                let said = format!("{} does not respond: {error}", self.target.api);
                return self.report.add(
                    "api",
                    CheckOutcome::DoctorFault(fault::API_UNREACHABLE, said),
                );
            }
        };
        self.clocks.see("the API", &answer);
        let said = answer.summary();
        let outcome = match answer.status.as_u16() {
            401 | 403 if answer.json().is_object() => CheckOutcome::Well(format!(
                "responds, and refuses a request without a token: {said}"
            )),
            // A server that refuses POST is not Slipway.
            500.. if answer.status != StatusCode::NOT_IMPLEMENTED => {
                CheckOutcome::DoctorFault(fault::API_FAILING, format!("answers {said}"))
            }
            200..300 | 400 | 413 | 415 if answer.json()["success"].is_boolean() => {
                let said = format!("a request without a token was accepted: {said}");
                CheckOutcome::DoctorFault(fault::API_OPEN, said)
            }
            _ => {
                let said = format!("POST {url} responds with {said}, unlike Slipway");
                CheckOutcome::DoctorFault(fault::API_NOT_SLIPWAY, said)
            }
        };
        self.report.add("api", outcome)
    }

    /// Presigns an upload with the token. Returns its index among the uploads.
    pub(super) async fn token(&mut self) -> Option<usize> {
        let outcome = match self.presign().await {
            Ok(at) => {
                self.report
                    .add("token", CheckOutcome::Well("accepted".to_owned()));
                return Some(at);
            }
            Err(outcome) => outcome,
        };
        self.report.add("token", outcome);
        None
    }

    /// Requests a presigned URL.
    pub(super) async fn presign(&mut self) -> Result<usize, CheckOutcome> {
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
            return Err(CheckOutcome::DoctorFault(fault, said));
        }
        if answer.json()["code"] == "quota_exceeded" {
            return Err(CheckOutcome::DoctorFault(
                fault::TOKEN_QUOTA,
                answer.summary(),
            ));
        }
        if answer.status != StatusCode::OK {
            return Err(self.trouble(fault::API_FAILING, "presigning", &answer));
        }
        let Some(upload) = PresignedUpload::read(&answer.json()) else {
            let said = "presigning responded with 200 and no upload".to_owned();
            return Err(CheckOutcome::DoctorFault(fault::API_NOT_SLIPWAY, said));
        };
        self.clocks
            .see_signature("the function that signs", &upload.url, &answer);
        self.uploads.push(upload);
        Ok(self.uploads.len() - 1)
    }

    /// Requests a route that only needs the database.
    pub(super) async fn api_database(&mut self) -> bool {
        let outcome = match self.call(Method::GET, "/usage", None).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                CheckOutcome::Well("the functions reach their database".to_owned())
            }
            Ok(answer) => {
                // API Gateway's own message: the function did not respond.
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
    ) -> Result<HttpResponse, CheckOutcome> {
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
            let said = format!("{path} does not respond: {error}");
            CheckOutcome::DoctorFault(fault::API_UNREACHABLE, said)
        })
    }

    /// Reports an unexpected response. It is a fault of the database if that has one.
    pub(super) fn trouble(
        &self,
        fault: fault::DoctorFault,
        what: &str,
        answer: &HttpResponse,
    ) -> CheckOutcome {
        let said = format!("{what} answers {}", answer.summary());
        // A denied permission is `internal`. These two codes mean that a service does not respond,
        // or that the error may be transient.
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
                CheckOutcome::Skipped(format!("{said}: because of {cause}"))
            }
            _ => CheckOutcome::DoctorFault(fault, said),
        }
    }
}
