//! Test uploads: presigned requests, S3's checks of their signatures, and the cleanup.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::http::HttpResponse;
use super::report::CheckOutcome;
use super::{Doctor, fault, s3};

/// A file name that reveals wrong encodings.
pub(super) const NAME: &str = "Slipway-Arzt 診断 (1)+%20'.txt";

/// The bytes that are uploaded.
pub(super) const BYTES: &[u8] = b"Slipway's doctor made this file. It may be deleted.\n";

/// Other bytes of the same length.
const OTHER_BYTES: &[u8; BYTES.len()] = b"These are not the bytes whose checksum was signed..\n";

/// The error codes of S3 and compatible servers for bytes that do not match their checksum.
const MISMATCHES: [&str; 4] = [
    "BadDigest",
    "InvalidDigest",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
];

/// A presigned upload.
#[derive(Debug)]
pub(super) struct PresignedUpload {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) url: String,
    headers: Vec<(String, String)>,
    /// Whether S3 may have the object.
    stored: bool,
    pub(super) deleted: bool,
}

impl PresignedUpload {
    /// Reads the response of `presign-upload`.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let headers = answer["headers"].as_object()?.iter();
        Some(Self {
            id: text("id")?,
            key: text("objectKey")?,
            url: text("presignedUrl")?,
            headers: headers
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            stored: false,
            deleted: false,
        })
    }

    /// The URL without its signature.
    pub(super) fn bare(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }

    /// The URL of the bucket with a slash at its end. Our keys have three parts.
    pub(super) fn bucket(&self) -> &str {
        let parts = self.bare().rsplitn(4, '/');
        let bucket = parts.last().unwrap_or_default();
        &self.bare()[..=bucket.len()]
    }

    /// The name of a recorded file if S3 has lost its metadata: the end of the key.
    pub(super) fn short_name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the URL is of this bucket, by its host or by its path.
    fn is_in(&self, bucket: &str) -> bool {
        let (_, rest) = self.bucket().split_once("://").unwrap_or_default();
        rest.starts_with(&format!("{bucket}.")) || rest.ends_with(&format!("/{bucket}/"))
    }
}

impl Doctor {
    /// Sends bytes that do not match their signed checksum. S3 checks the signature first, and
    /// stores nothing.
    pub(super) async fn s3(&mut self, at: usize) -> bool {
        let outcome = match self.put(at, OTHER_BYTES, None).await {
            Err(error) => CheckOutcome::DoctorFault(
                fault::S3_UNREACHABLE,
                format!("S3 does not respond: {error}"),
            ),
            Ok(answer) => {
                self.clocks.see("S3", &answer);
                let code = s3::code(&answer);
                if answer.status.is_success() {
                    self.uploads[at].stored = true;
                    let said =
                        "bytes that do not match their signed checksum were stored".to_owned();
                    CheckOutcome::Warning(fault::S3_CHECKSUM, said)
                } else if MISMATCHES.iter().any(|mismatch| code.ends_with(mismatch)) {
                    CheckOutcome::Well(format!(
                        "accepts the signature, and refuses damaged bytes: {code}"
                    ))
                } else {
                    let (fault, said) = s3::fault(&answer);
                    CheckOutcome::DoctorFault(fault, said)
                }
            }
        };
        let outcome = match (outcome, &self.target.bucket) {
            (CheckOutcome::Well(_) | CheckOutcome::Warning(..), Some(bucket))
                if !self.uploads[at].is_in(bucket) =>
            {
                let said = format!(
                    "the outputs name the bucket {bucket}, but the functions sign for another"
                );
                CheckOutcome::DoctorFault(fault::ELSEWHERE, said)
            }
            (outcome, _) => outcome,
        };
        self.report.add("s3", outcome)
    }

    /// Sends another content type than the signed one.
    pub(super) async fn signed_type(&mut self, at: usize) {
        let outcome = match self.put(at, BYTES, Some("application/x-not-signed")).await {
            Ok(answer) if answer.status.is_success() => {
                let said = "an upload with another content type than the signed one was accepted"
                    .to_owned();
                CheckOutcome::DoctorFault(fault::S3_TYPE, said)
            }
            Ok(answer) => CheckOutcome::Well(format!(
                "another content type than the signed one is refused: {}",
                s3::code(&answer)
            )),
            Err(error) => CheckOutcome::Skipped(format!("S3 does not respond: {error}")),
        };
        self.report.add("signed-type", outcome);
    }

    /// Uploads the announced bytes.
    pub(super) async fn upload(&mut self, at: usize) -> bool {
        let outcome = match self.put(at, BYTES, None).await {
            Ok(answer) if answer.status.is_success() => {
                CheckOutcome::Well(format!("{} bytes, by the presigned URL", BYTES.len()))
            }
            Ok(answer) => {
                let (fault, said) = s3::fault(&answer);
                CheckOutcome::DoctorFault(fault, said)
            }
            Err(error) => CheckOutcome::DoctorFault(
                fault::S3_UNREACHABLE,
                format!("S3 does not respond: {error}"),
            ),
        };
        self.report.add("upload", outcome)
    }

    /// A PUT with the presigned headers, or with another content type.
    async fn put(
        &mut self,
        at: usize,
        bytes: &'static [u8],
        other: Option<&str>,
    ) -> Result<HttpResponse, String> {
        let upload = &self.uploads[at];
        let headers: Vec<(&str, &str)> = upload
            .headers
            .iter()
            .map(|(name, value)| match other {
                Some(other) if name.eq_ignore_ascii_case("content-type") => (name.as_str(), other),
                _ => (name.as_str(), value.as_str()),
            })
            .collect();
        let answer = self
            .http
            .send(Method::PUT, &upload.url, &headers, bytes)
            .await;
        // Without a response it is unknown.
        self.uploads[at].stored |=
            bytes == BYTES && answer.as_ref().map_or(true, |a| a.status.is_success());
        answer
    }

    /// Deletes the remaining uploads.
    pub(super) async fn clean_up(&mut self) {
        let mut left = Vec::new();
        let stored = self.uploads.iter().filter(|upload| upload.stored).count();
        for at in 0..self.uploads.len() {
            let upload = &self.uploads[at];
            if upload.stored && !upload.deleted && !self.remove(&upload.id, &upload.key).await {
                left.push(upload.key.clone());
            }
        }
        let outcome = if left.is_empty() {
            CheckOutcome::Well(format!("{stored} files were created and deleted again"))
        } else {
            CheckOutcome::Warning(
                fault::LEFT_BEHIND,
                format!("still there: {}", left.join(", ")),
            )
        };
        self.report.add("clean-up", outcome);
    }

    /// An unrecorded file cannot be deleted, so it is recorded first.
    async fn remove(&self, id: &str, key: &str) -> bool {
        for _ in 0..3 {
            let save = json!({ "objectKey": key });
            let saved = self.call(Method::POST, "/save-metadata", Some(&save)).await;
            // The object never existed, or the file is deleted.
            if saved.is_ok_and(|answer| matches!(answer.status.as_u16(), 409 | 410 | 413)) {
                return true;
            }
            let deleted = self
                .call(Method::DELETE, &format!("/files/{id}"), None)
                .await;
            if deleted.is_ok_and(|answer| answer.status.is_success()) {
                return true;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{BYTES, OTHER_BYTES, PresignedUpload};

    fn upload(url: &str) -> PresignedUpload {
        let answer =
            json!({ "id": "i", "objectKey": "u/i/n.txt", "presignedUrl": url, "headers": {} });
        PresignedUpload::read(&answer).unwrap()
    }

    #[test]
    fn the_bucket_url_is_the_part_before_the_key() {
        let path = upload("http://127.0.0.1:9000/files/u/i/n.txt?X-Amz-Signature=s");
        assert_eq!(path.bucket(), "http://127.0.0.1:9000/files/");
        assert!(path.is_in("files") && !path.is_in("iles") && !path.is_in("u"));
        let host = upload("https://files.s3.eu-north-1.amazonaws.com/u/i/n.txt?X-Amz-Signature=s");
        assert_eq!(host.bucket(), "https://files.s3.eu-north-1.amazonaws.com/");
        assert!(host.is_in("files") && !host.is_in("s3"));
    }

    #[test]
    fn damaged_bytes_are_as_long_as_the_announced_ones() {
        assert_eq!(BYTES.len(), OTHER_BYTES.len());
    }
}
