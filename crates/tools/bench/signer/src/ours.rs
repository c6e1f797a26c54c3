//! Our signer: by itself, and as the functions use it.

use slipway_core::env::Environment;
use slipway_s3_urls::{
    Location, ReadUrls, Request, Signer, Upload, UploadPart, UploadUrls, Window,
};

use crate::cases::{AT, Job, Keys, SECONDS};

/// A signer, and what the functions add to it.
pub struct Ours {
    signer: Signer,
    uploads: UploadUrls,
    reads: ReadUrls,
    window: Window,
}

impl Ours {
    /// With the default configuration.
    pub fn new(keys: &Keys) -> Self {
        let signer = || Signer::new(Keys::location(), keys.0.clone());
        let get = |name: &str| name.ends_with("_URL_SECONDS").then(|| SECONDS.to_string());
        let env = &Environment::new(get);
        let reads = ReadUrls::from_env(env, signer()).expect("a configuration");
        Self {
            signer: signer(),
            uploads: UploadUrls::from_env(env, signer()).expect("a configuration"),
            window: reads.window(AT),
            reads,
        }
    }

    /// Only the URL.
    pub fn sign(&self, job: &Job) -> String {
        let (query, headers) = (pairs(&job.query), pairs(&job.headers));
        let request = Request {
            method: job.method,
            key: &job.file.object_key,
            operation: job.operation,
            query: &query[..job.query.len()],
            headers: &headers[..job.headers.len()],
            at: AT,
            seconds: SECONDS,
        };
        self.signer.sign(&request).url
    }

    /// Everything that a function returns for the job: headers, the public URL, a disposition.
    pub fn as_functions_do(&self, job: &Job) -> (String, Option<String>) {
        let key = &job.file.object_key;
        match job.operation {
            "PutObject" => {
                let upload = Upload {
                    key,
                    file_name: &job.file_name,
                    content_type: &job.content_type,
                    size: Some(job.file.size),
                    checksum: None,
                    metadata: &job.file.metadata,
                    rule: job.file.rule.as_ref(),
                    write_once: false,
                };
                let upload = self.uploads.put(&upload, AT);
                (upload.signed.url, Some(upload.public_url))
            }
            "UploadPart" => {
                let part = UploadPart {
                    key,
                    upload_id: &job.query[1].1,
                    number: job.part,
                    size: 16_777_216,
                };
                (self.uploads.part(&part, AT).url, None)
            }
            _ => {
                let url = self.reads.get(&job.file, job.download, &self.window);
                (url.expect("nothing blocks it").0, None)
            }
        }
    }
}

/// The bucket of all contenders.
pub fn object_url(job: &Job) -> String {
    let location: Location = Keys::location();
    location.object_url(&job.file.object_key)
}

/// The first two. No job has more.
fn pairs<'a>(list: &'a [(&'static str, String)]) -> [(&'static str, &'a str); 2] {
    std::array::from_fn(|at| {
        let pair = list.get(at);
        pair.map_or(("", ""), |(name, value)| (*name, value.as_str()))
    })
}
