//! Checks of a recorded file: it is listed, has the uploaded bytes and its name, and can be
//! deleted.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::json;

use super::report::CheckOutcome;
use super::trip::{BYTES, NAME};
use super::{Doctor, fault, s3};

/// How often the object of a deleted file is requested until it is gone.
const LOOKS: u32 = 5;

impl Doctor {
    /// Does what a client does with an uploaded file.
    ///
    /// Returns whether it was recorded.
    pub(super) async fn round_trip(&mut self, at: usize) -> bool {
        let outcome = self.save(at).await;
        if !self.report.add("save", outcome) {
            return false;
        }
        let (outcome, url) = self.list(at).await;
        self.report.add("list", outcome);
        if let Some(url) = &url {
            let outcome = self.read(url).await;
            self.report.add("read", outcome);
            let outcome = self.plain_http(url).await;
            self.report.add("tls-only", outcome);
        }
        let outcome = self.download(at).await;
        self.report.add("download-name", outcome);
        let outcome = self.delete(at, url.as_deref()).await;
        self.report.add("delete", outcome);
        true
    }

    async fn save(&self, at: usize) -> CheckOutcome {
        let save = json!({ "objectKey": self.uploads[at].key });
        match self.call(Method::POST, "/save-metadata", Some(&save)).await {
            Ok(answer) if answer.status.is_success() => {
                CheckOutcome::Well(format!("recorded: {}", answer.status.as_u16()))
            }
            Ok(answer) => self.trouble(fault::SAVE_FAILS, "save-metadata", &answer),
            Err(outcome) => outcome,
        }
    }

    /// Checks the list. Also returns the read URL, if there is one.
    async fn list(&self, at: usize) -> (CheckOutcome, Option<String>) {
        let answer = match self.call(Method::GET, "/files?limit=100", None).await {
            Ok(answer) if answer.status == StatusCode::OK => answer.json(),
            Ok(answer) => return (self.trouble(fault::LIST_FAILS, "GET /files", &answer), None),
            Err(outcome) => return (outcome, None),
        };
        let mut files = answer["files"].as_array().into_iter().flatten();
        let Some(file) = files.find(|file| file["id"] == self.uploads[at].id.as_str()) else {
            let said =
                "the file was recorded, and is not among the newest 100 of the list".to_owned();
            return (CheckOutcome::DoctorFault(fault::LIST_FAILS, said), None);
        };
        let url = file["url"].as_str().map(str::to_owned);
        let name = file["fileName"].as_str().unwrap_or_default();
        if name == self.uploads[at].short_name() {
            let said = format!(
                "S3 dropped the metadata of the signed URL: {NAME:?} comes back as {name:?}, the short name in its key"
            );
            return (CheckOutcome::DoctorFault(fault::S3_METADATA, said), url);
        }
        if name != NAME {
            let said = format!("the list has {name:?} instead of {NAME:?}");
            return (CheckOutcome::DoctorFault(fault::LIST_FAILS, said), url);
        }
        match (url, file["urlBlocked"].as_str()) {
            (Some(url), _) => (
                CheckOutcome::Well("the file is in it, under its name".to_owned()),
                Some(url),
            ),
            (None, why) => {
                let why = why.unwrap_or("without a reason");
                (
                    CheckOutcome::Well(format!("the file is in it; not readable yet: {why}")),
                    None,
                )
            }
        }
    }

    async fn read(&self, url: &str) -> CheckOutcome {
        let wrong = |said| CheckOutcome::DoctorFault(fault::READ_FAILS, said);
        match self.http.send(Method::GET, url, &[], "").await {
            Ok(answer) if answer.status.is_success() && answer.body == BYTES => {
                CheckOutcome::Well("the bytes equal the uploaded ones".to_owned())
            }
            Ok(answer) if answer.status.is_success() => {
                wrong("the bytes differ from the uploaded ones".to_owned())
            }
            Ok(answer) => wrong(s3::fault(&answer).1),
            Err(error) => wrong(format!("the read URL's host does not respond: {error}")),
        }
    }

    /// Reads the file without TLS.
    async fn plain_http(&self, url: &str) -> CheckOutcome {
        let Some(rest) = url.strip_prefix("https://") else {
            let host = url.trim_start_matches("http://");
            if ["127.", "localhost", "[::1]"]
                .iter()
                .any(|local| host.starts_with(local))
            {
                return CheckOutcome::Skipped("S3 is on this machine, with plain http".to_owned());
            }
            let said = "files and signatures are sent over plain http".to_owned();
            return CheckOutcome::Warning(fault::BUCKET_PLAIN_HTTP, said);
        };
        match self
            .http
            .send(Method::GET, &format!("http://{rest}"), &[], "")
            .await
        {
            Ok(answer) if answer.status.is_success() => {
                let said = "the file can be read over plain http".to_owned();
                CheckOutcome::DoctorFault(fault::BUCKET_PLAIN_HTTP, said)
            }
            Ok(answer) => {
                CheckOutcome::Well(format!("plain http is refused: {}", s3::code(&answer)))
            }
            Err(_) => CheckOutcome::Well("plain http gets no response".to_owned()),
        }
    }

    async fn download(&self, at: usize) -> CheckOutcome {
        if self.target.public {
            return CheckOutcome::Skipped("public URLs carry no name".to_owned());
        }
        let path = format!("/files/{}?download=true", self.uploads[at].id);
        let answer = match self.call(Method::GET, &path, None).await {
            Ok(answer) if answer.status == StatusCode::OK => answer.json(),
            Ok(answer) => return self.trouble(fault::LIST_FAILS, "GET /files/{id}", &answer),
            Err(outcome) => return outcome,
        };
        let Some(url) = answer["file"]["url"].as_str() else {
            return CheckOutcome::Skipped("the file is not readable yet".to_owned());
        };
        let answer = match self.http.send(Method::GET, url, &[], "").await {
            Ok(answer) if answer.status.is_success() => answer,
            Ok(answer) => {
                return CheckOutcome::DoctorFault(fault::READ_FAILS, s3::fault(&answer).1);
            }
            Err(error) => return CheckOutcome::DoctorFault(fault::READ_FAILS, error),
        };
        let name = answer.header("content-disposition").and_then(name_in);
        if name.as_deref() == Some(NAME) {
            return CheckOutcome::Well(format!("{NAME:?} comes back"));
        }
        if name.as_deref() == Some(self.uploads[at].short_name()) {
            return CheckOutcome::Skipped("the name was lost with the upload: see list".to_owned());
        }
        let said = match name {
            Some(name) => format!("a download is named {name:?} instead of {NAME:?}"),
            None => format!("a download has no name instead of {NAME:?}"),
        };
        CheckOutcome::DoctorFault(fault::DOWNLOAD_NAME, said)
    }

    async fn delete(&mut self, at: usize, url: Option<&str>) -> CheckOutcome {
        let path = format!("/files/{}", self.uploads[at].id);
        match self.call(Method::DELETE, &path, None).await {
            Ok(answer) if answer.status.is_success() => self.uploads[at].deleted = true,
            Ok(answer) => return self.trouble(fault::DELETE_FAILS, "DELETE /files/{id}", &answer),
            Err(outcome) => return outcome,
        }
        match self.call(Method::GET, &path, None).await {
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => {}
            Ok(answer) => {
                let said = format!("a deleted file gets {} instead of 404", answer.summary());
                return CheckOutcome::DoctorFault(fault::DELETE_FAILS, said);
            }
            Err(outcome) => return outcome,
        }
        let Some(url) = url.filter(|_| !self.target.public) else {
            return CheckOutcome::Well(
                "the file is gone; no signed URL can check its object".to_owned(),
            );
        };
        for _ in 0..LOOKS {
            match self.http.send(Method::GET, url, &[], "").await {
                // Without the permission to list, S3 responds with 403 for a missing object.
                Ok(answer) if matches!(answer.status.as_u16(), 403 | 404) => {
                    return CheckOutcome::Well(format!(
                        "file and object are gone: 404, S3 {}",
                        s3::code(&answer)
                    ));
                }
                _ => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
        let said =
            "the file is gone from the list, and its object is still in the bucket".to_owned();
        CheckOutcome::DoctorFault(fault::DELETE_FAILS, said)
    }
}

/// The exact name in a `Content-Disposition` (RFC 8187).
fn name_in(header: &str) -> Option<String> {
    let (_, encoded) = header.split_once("filename*=UTF-8''")?;
    let encoded = encoded.split(';').next().unwrap_or_default().as_bytes();
    let mut name = Vec::new();
    let mut at = 0;
    while let Some(&byte) = encoded.get(at) {
        if byte == b'%' {
            let digits = std::str::from_utf8(encoded.get(at + 1..at + 3)?).ok()?;
            name.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            name.push(byte);
            at += 1;
        }
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::name_in;

    #[test]
    fn names_are_read_from_the_header() {
        let header = "attachment; filename=\"a.txt\"; filename*=UTF-8''%C3%9Cber%20%27.txt";
        assert_eq!(name_in(header).as_deref(), Some("Über '.txt"));
        assert_eq!(name_in("attachment; filename=\"a.txt\""), None);
        assert_eq!(name_in("attachment; filename*=UTF-8''%C"), None);
    }
}
