//! The way back: recorded, listed, read as it was, downloaded under its name, deleted, and gone.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::json;

use super::report::Outcome;
use super::trip::{BYTES, NAME};
use super::{Doctor, fault, s3};

/// How often it is looked whether a deleted object is gone.
const LOOKS: u32 = 5;

impl Doctor {
    /// What a client does with a file it has put.
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

    async fn save(&self, at: usize) -> Outcome {
        let save = json!({ "objectKey": self.made[at].key });
        match self.call(Method::POST, "/save-metadata", Some(&save)).await {
            Ok(answer) if answer.status.is_success() => {
                Outcome::Well(format!("recorded: {}", answer.status.as_u16()))
            }
            Ok(answer) => self.trouble(fault::SAVE_FAILS, "save-metadata", &answer),
            Err(outcome) => outcome,
        }
    }

    /// Also answers the URL to read the file by, where there is one.
    async fn list(&self, at: usize) -> (Outcome, Option<String>) {
        let answer = match self.call(Method::GET, "/files?limit=100", None).await {
            Ok(answer) if answer.status == StatusCode::OK => answer.json(),
            Ok(answer) => return (self.trouble(fault::LIST_FAILS, "GET /files", &answer), None),
            Err(outcome) => return (outcome, None),
        };
        let mut files = answer["files"].as_array().into_iter().flatten();
        let Some(file) = files.find(|file| file["id"] == self.made[at].id.as_str()) else {
            let said =
                "the file was recorded, and is not among the newest 100 of the list".to_owned();
            return (Outcome::Fault(fault::LIST_FAILS, said), None);
        };
        let url = file["url"].as_str().map(str::to_owned);
        let name = file["fileName"].as_str().unwrap_or_default();
        if name == self.made[at].short_name() {
            let said = format!(
                "S3 dropped the metadata of the signed URL: {NAME:?} comes back as {name:?}, the short name in its key"
            );
            return (Outcome::Fault(fault::S3_METADATA, said), url);
        }
        if name != NAME {
            let said = format!("the list has {name:?} in place of {NAME:?}");
            return (Outcome::Fault(fault::LIST_FAILS, said), url);
        }
        match (url, file["urlBlocked"].as_str()) {
            (Some(url), _) => (
                Outcome::Well("the file is in it, under its name".to_owned()),
                Some(url),
            ),
            (None, why) => {
                let why = why.unwrap_or("without a reason");
                (
                    Outcome::Well(format!("the file is in it; not readable yet: {why}")),
                    None,
                )
            }
        }
    }

    async fn read(&self, url: &str) -> Outcome {
        let wrong = |said| Outcome::Fault(fault::READ_FAILS, said);
        match self.http.send(Method::GET, url, &[], "").await {
            Ok(answer) if answer.status.is_success() && answer.body == BYTES => {
                Outcome::Well("the bytes are those uploaded".to_owned())
            }
            Ok(answer) if answer.status.is_success() => {
                wrong("the bytes are others than those uploaded".to_owned())
            }
            Ok(answer) => wrong(s3::fault(&answer).1),
            Err(error) => wrong(format!("the read URL's host does not answer: {error}")),
        }
    }

    /// The same without TLS.
    async fn plain_http(&self, url: &str) -> Outcome {
        let Some(rest) = url.strip_prefix("https://") else {
            let host = url.trim_start_matches("http://");
            if ["127.", "localhost", "[::1]"]
                .iter()
                .any(|local| host.starts_with(local))
            {
                return Outcome::Skipped("S3 is on this machine, by plain http".to_owned());
            }
            let said = "files travel by plain http, signatures included".to_owned();
            return Outcome::Warning(fault::BUCKET_PLAIN_HTTP, said);
        };
        match self
            .http
            .send(Method::GET, &format!("http://{rest}"), &[], "")
            .await
        {
            Ok(answer) if answer.status.is_success() => {
                let said = "the file was answered by plain http".to_owned();
                Outcome::Fault(fault::BUCKET_PLAIN_HTTP, said)
            }
            Ok(answer) => Outcome::Well(format!("plain http is refused: {}", s3::code(&answer))),
            Err(_) => Outcome::Well("nothing answers plain http".to_owned()),
        }
    }

    async fn download(&self, at: usize) -> Outcome {
        if self.target.public {
            return Outcome::Skipped("public URLs carry no name".to_owned());
        }
        let path = format!("/files/{}?download=true", self.made[at].id);
        let answer = match self.call(Method::GET, &path, None).await {
            Ok(answer) if answer.status == StatusCode::OK => answer.json(),
            Ok(answer) => return self.trouble(fault::LIST_FAILS, "GET /files/{id}", &answer),
            Err(outcome) => return outcome,
        };
        let Some(url) = answer["file"]["url"].as_str() else {
            return Outcome::Skipped("the file is not readable yet".to_owned());
        };
        let answer = match self.http.send(Method::GET, url, &[], "").await {
            Ok(answer) if answer.status.is_success() => answer,
            Ok(answer) => return Outcome::Fault(fault::READ_FAILS, s3::fault(&answer).1),
            Err(error) => return Outcome::Fault(fault::READ_FAILS, error),
        };
        let name = answer.header("content-disposition").and_then(name_in);
        if name.as_deref() == Some(NAME) {
            return Outcome::Well(format!("{NAME:?} comes back"));
        }
        if name.as_deref() == Some(self.made[at].short_name()) {
            return Outcome::Skipped("the name was lost with the upload: see list".to_owned());
        }
        let said = match name {
            Some(name) => format!("a download is named {name:?} in place of {NAME:?}"),
            None => format!("a download has no name in place of {NAME:?}"),
        };
        Outcome::Fault(fault::DOWNLOAD_NAME, said)
    }

    async fn delete(&mut self, at: usize, url: Option<&str>) -> Outcome {
        let path = format!("/files/{}", self.made[at].id);
        match self.call(Method::DELETE, &path, None).await {
            Ok(answer) if answer.status.is_success() => self.made[at].deleted = true,
            Ok(answer) => return self.trouble(fault::DELETE_FAILS, "DELETE /files/{id}", &answer),
            Err(outcome) => return outcome,
        }
        match self.call(Method::GET, &path, None).await {
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => {}
            Ok(answer) => {
                let said = format!("a deleted file answers {} in place of 404", answer.words());
                return Outcome::Fault(fault::DELETE_FAILS, said);
            }
            Err(outcome) => return outcome,
        }
        let Some(url) = url.filter(|_| !self.target.public) else {
            return Outcome::Well(
                "the file is gone; its object cannot be looked at by a signed URL".to_owned(),
            );
        };
        for _ in 0..LOOKS {
            match self.http.send(Method::GET, url, &[], "").await {
                // Who may not list gets 403 for an object that is not there.
                Ok(answer) if matches!(answer.status.as_u16(), 403 | 404) => {
                    return Outcome::Well(format!(
                        "file and object are gone: 404, S3 {}",
                        s3::code(&answer)
                    ));
                }
                _ => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
        let said =
            "the file is gone from the list, and its object is still in the bucket".to_owned();
        Outcome::Fault(fault::DELETE_FAILS, said)
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
    fn names_come_out_of_the_header() {
        let header = "attachment; filename=\"a.txt\"; filename*=UTF-8''%C3%9Cber%20%27.txt";
        assert_eq!(name_in(header).as_deref(), Some("Über '.txt"));
        assert_eq!(name_in("attachment; filename=\"a.txt\""), None);
        assert_eq!(name_in("attachment; filename*=UTF-8''%C"), None);
    }
}
