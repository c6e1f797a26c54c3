//! The URLs to sign: one and many, typical ones and those at the limits.

use std::hint::black_box;

use slipway_core::{ContentType, FileId, FileName, FileRow, Metadata, ObjectKey, UserId};
use slipway_s3_urls::{Credentials, Location};
use time::OffsetDateTime;
use time::macros::datetime;

/// The time of signing.
pub const AT: OffsetDateTime = datetime!(2026-11-21 12:00:00 UTC);
/// The lifetime of the URLs.
pub const SECONDS: u64 = 900;
/// The bucket.
pub const BUCKET: &str = "uploads-of-everybody";
/// Its region.
pub const REGION: &str = "eu-central-1";
/// The `cache-control` for `READ_URL_SECONDS` of 900.
const CACHE_CONTROL: &str = "private, max-age=450";

/// The credentials.
pub struct Keys(
    /// As a struct.
    pub Credentials,
);

impl Keys {
    /// Without a session token.
    pub fn plain() -> Self {
        Self(Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
            expires_at: None,
        })
    }

    /// With a session token of 1,000 characters of base64, as a Lambda role has.
    pub fn with_token() -> Self {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let token = (0..1000_usize).map(|at| char::from(alphabet[at * at * 7 % 61 + at % 4]));
        let mut keys = Self::plain();
        keys.0.session_token = Some(token.collect());
        keys
    }

    /// The bucket on AWS.
    pub fn location() -> Location {
        Location::at_aws(BUCKET.into(), REGION.into())
    }
}

/// A URL to sign, with the input of every contender.
pub struct Job {
    /// `GET` or `PUT`.
    pub method: &'static str,
    /// The operation in the SDK.
    pub operation: &'static str,
    /// The row of the file.
    pub file: FileRow,
    /// The file name in the client's request.
    pub file_name: FileName,
    /// The content type.
    pub content_type: ContentType,
    /// The part number, if it is a part.
    pub part: u16,
    /// Whether the response is an attachment.
    pub download: bool,
    /// Query parameters in order.
    pub query: Vec<(&'static str, String)>,
    /// Headers in order.
    pub headers: Vec<(&'static str, String)>,
}

impl Job {
    /// Whether the SDK can make this URL. It cannot put metadata into the query.
    pub fn is_made_by_sdk(&self) -> bool {
        self.query
            .iter()
            .all(|(name, _)| *name != "x-amz-meta-name")
    }
}

/// Several URLs under one name.
pub struct Case {
    /// The name of the case.
    pub name: &'static str,
    /// The URLs.
    pub jobs: Vec<Job>,
}

impl Case {
    fn new(name: &'static str, count: u16, job: impl Fn(u16) -> Job) -> Self {
        let jobs = (1..=count).map(job).collect();
        Self { name, jobs }
    }

    /// Runs `work` for each, and drops the result, as a function does once it has written its
    /// response.
    pub fn each<T>(&self, work: impl Fn(&Job) -> T) {
        for job in &self.jobs {
            black_box(work(black_box(job)));
        }
    }
}

/// All cases.
pub fn all() -> Vec<Case> {
    let photo = "Holiday 2026-08-14 (12).jpg";
    let long = "写".repeat(170) + ".x";
    let user = "auth0|65f1c2d3e4a5b6c7d8e9f0a1";
    vec![
        Case::new("put", 1, |_| put(user, photo, false)),
        Case::new("get", 1, |_| get(user, photo, false)),
        Case::new("list-1000", 1000, |_| get(user, photo, false)),
        Case::new("parts-10000", 10_000, |number| part(user, number)),
        Case::new("batch-100", 100, |_| put(user, photo, true)),
        Case::new("name-512", 1, |_| put(user, &long, true)),
        Case::new("download-512", 1, |_| get(user, &long, true)),
        // The longest possible key: every byte of a `sub` of 255 bytes is escaped.
        Case::new("key-867", 1, |_| {
            get(&"|".repeat(255), &"a".repeat(64), false)
        }),
    ]
}

fn put(user: &str, name: &str, with_name: bool) -> Job {
    let mut job = job("PUT", "PutObject", user, name);
    job.headers = vec![
        ("content-length", "1234567".to_owned()),
        ("content-type", "image/jpeg".to_owned()),
    ];
    if with_name {
        job.query = vec![("x-amz-meta-name", job.file_name.to_metadata())];
    }
    job
}

fn get(user: &str, name: &str, download: bool) -> Job {
    let mut job = job("GET", "GetObject", user, name);
    let disposition = if download {
        let ascii = job.file.object_key.name();
        slipway_core::disposition::attachment(name, ascii.as_str())
    } else {
        "inline".to_owned()
    };
    job.download = download;
    job.query = vec![
        ("response-cache-control", CACHE_CONTROL.to_owned()),
        ("response-content-disposition", disposition),
    ];
    job
}

fn part(user: &str, number: u16) -> Job {
    let mut job = job("PUT", "UploadPart", user, "video.mp4");
    job.part = number;
    job.query = vec![
        ("partNumber", number.to_string()),
        ("uploadId", upload_id()),
    ];
    job.headers = vec![("content-length", "16777216".to_owned())];
    job
}

/// As long as S3's upload ids.
fn upload_id() -> String {
    "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA_".repeat(2)
}

fn job(method: &'static str, operation: &'static str, user: &str, name: &str) -> Job {
    let file_name = FileName::parse(name).expect("a name");
    let user_id = UserId::parse(user).expect("a sub");
    let id = FileId::new();
    Job {
        method,
        operation,
        file: FileRow {
            id,
            object_key: ObjectKey::new(user_id, id, &file_name),
            file_name: name.to_owned(),
            content_type: "image/jpeg".to_owned(),
            detected_type: Some("image/jpeg".to_owned()),
            scan_status: None,
            size: 1_234_567,
            etag: "0123456789abcdef0123456789abcdef".to_owned(),
            rule: None,
            metadata: Metadata::default(),
            checksum_sha256: None,
            checksum_crc64nvme: None,
            preview_etag: None,
            preview_error: None,
            uploaded_at: AT,
        },
        file_name,
        content_type: ContentType::parse("image/jpeg").expect("a type"),
        part: 0,
        download: false,
        query: Vec::new(),
        headers: Vec::new(),
    }
}
