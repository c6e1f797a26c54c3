//! The unavoidable part of a signature: the hash of the canonical request, and the HMAC with the
//! day's key.

use std::hint::black_box;

use ring::{digest, hmac};
use slipway_core::hex;

use crate::cases::{Job, Keys, REGION};
use crate::ours::Ours;

const DAY: &str = "20261121";
const DATE_TIME: &str = "20261121T120000Z";

/// The prepared bytes to hash, and the key.
pub struct Floor {
    key: hmac::Key,
    bytes: Vec<(String, String)>,
}

impl Floor {
    /// Prepares the bytes from the output of our signer.
    pub fn new(keys: &Keys, jobs: &[Job]) -> Self {
        let ours = Ours::new(keys);
        let bytes = jobs
            .iter()
            .map(|job| {
                let canonical = canonical(job, &ours.sign(job));
                let to_sign = to_sign(&canonical);
                (canonical, to_sign)
            })
            .collect();
        let secret = format!("AWS4{}", keys.0.secret_access_key);
        let first = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let parts = [DAY, REGION, "s3", "aws4_request"];
        let key = parts.into_iter().fold(first, |key, part| {
            let next = hmac::sign(&key, part.as_bytes());
            hmac::Key::new(hmac::HMAC_SHA256, next.as_ref())
        });
        Self { key, bytes }
    }

    /// Hashes and signs for every job.
    pub fn all(&self) {
        for (canonical, to_sign) in &self.bytes {
            black_box(digest::digest(
                &digest::SHA256,
                black_box(canonical.as_bytes()),
            ));
            black_box(hmac::sign(&self.key, black_box(to_sign.as_bytes())));
        }
    }

    /// The signature parameter of the URL of job `at`.
    pub fn signature(&self, at: usize) -> String {
        let tag = hmac::sign(&self.key, self.bytes[at].1.as_bytes());
        format!("&X-Amz-Signature={}", hex(tag.as_ref()))
    }
}

/// The canonical request of a URL: its parameters in order, without the signature.
fn canonical(job: &Job, url: &str) -> String {
    let (address, query) = url.split_once('?').expect("a query");
    let rest = address.strip_prefix("https://").expect("a scheme");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut query: Vec<&str> = query.split('&').collect();
    query.retain(|pair| !pair.starts_with("X-Amz-Signature="));
    query.sort_unstable();
    let mut headers = vec![("host", host)];
    headers.extend(
        job.headers
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    );
    headers.sort_unstable();
    let lines = headers
        .iter()
        .map(|(name, value)| [name, ":", value, "\n"].concat());
    let lines = lines.collect::<String>();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let (method, query, names) = (job.method, query.join("&"), names.join(";"));
    format!("{method}\n/{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD")
}

fn to_sign(canonical: &str) -> String {
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    format!("AWS4-HMAC-SHA256\n{DATE_TIME}\n{DAY}/{REGION}/s3/aws4_request\n{hash}")
}
