//! The limits, each with its source.

use std::time::Duration;

use crate::env::{ConfigError, Environment};
use crate::error::{Code, Error};
use crate::file::is_multipart;

/// The largest object of one PUT: 5 GiB (S3).
pub const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// S3 copies at most this much with one `CopyObject`, so larger files cannot be renamed.
pub const MAX_COPY_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The smallest part of a multipart upload, its last one excepted: 5 MiB (S3).
pub const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;

/// The largest part: 5 GiB (S3).
pub const MAX_PART_BYTES: u64 = MAX_PUT_BYTES;

/// The most parts of one upload (S3).
pub const MAX_PARTS: u16 = 10_000;

/// The largest multipart upload: 48.8 TiB, which is 10,000 parts of 5 GiB (S3).
pub const MAX_MULTIPART_BYTES: u64 = MAX_PARTS as u64 * MAX_PART_BYTES;

/// The largest multipart upload where neither limit is configured: 5 TiB (ours).
pub const DEFAULT_MULTIPART_BYTES: u64 = 5 * 1024 * 1024 * 1024 * 1024;

/// The part size if the client does not send one. A lost connection then costs little, and 150 GiB
/// fit without larger parts.
pub const DEFAULT_PART_BYTES: u64 = 16 * 1024 * 1024;

/// The most open multipart uploads of one user: those that are neither aborted nor recorded.
pub const MAX_OPEN_UPLOADS: u32 = 1000;

/// The most part URLs that one request signs.
pub const MAX_BATCH_PARTS: usize = 1000;

/// The longest life of a signed URL, in seconds: 12 hours, the longest session a Lambda role has.
pub const MAX_URL_SECONDS: u64 = 12 * 60 * 60;

/// After this time no upload URL can write a key any more. It is the longest life of a URL, plus a
/// day for a slow PUT that began just before the URL expired.
pub const UPLOAD_ENDS_AFTER: Duration = Duration::from_secs(MAX_URL_SECONDS + 24 * 60 * 60);

/// The most uploads that one request presigns.
pub const MAX_BATCH_PRESIGN: usize = 100;

/// The most uploads that one request confirms.
pub const MAX_BATCH_CONFIRM: usize = 100;

/// The most files that one request deletes: what one `DeleteObjects` takes (S3).
pub const MAX_BATCH_DELETE: usize = 1000;

/// The most files on one page.
pub const MAX_PAGE_FILES: u32 = 1000;

/// The page size if the client does not send one.
pub const DEFAULT_PAGE_FILES: u32 = 50;

/// A page of files ends before its JSON is larger than this, in bytes.
pub const MAX_PAGE_BYTES: usize = 4_000_000;

/// The largest request body, in bytes. The largest valid one has 100 uploads with long names and
/// metadata. It is smaller than this even with every character escaped. API Gateway accepts up to 6
/// MB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The largest response of a function, in bytes, as it is sent to Lambda. The body is a string
/// within JSON there, with its quotes and backslashes escaped. Lambda allows 6 MiB (6,291,456), and
/// drops a larger response after the work is done.
pub const MAX_ANSWER_BYTES: usize = 6_000_000;

/// The longest id that a request may name, in characters. Ours have 36.
pub const MAX_ID_CHARS: usize = 64;

/// The number of rows that a filtered page examines before it ends early.
pub const MAX_FILTERED_ROWS: u32 = 10_000;

/// The maximum file size of this deployment, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimits {
    max_upload: u64,
    max_multipart: u64,
}

impl SizeLimits {
    /// Reads `MAX_UPLOAD_BYTES` (default 5 GiB) and `MAX_MULTIPART_BYTES`.
    ///
    /// Without `MAX_MULTIPART_BYTES`, a configured `MAX_UPLOAD_BYTES` also limits uploads in parts:
    /// an operator who sets one limit means every file. Without either, it is 5 TiB.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        let max_upload = env.number("MAX_UPLOAD_BYTES", MAX_PUT_BYTES, 1, MAX_PUT_BYTES)?;
        let default = if env.optional("MAX_UPLOAD_BYTES").is_some() {
            max_upload
        } else {
            DEFAULT_MULTIPART_BYTES
        };
        let max_multipart = env.number("MAX_MULTIPART_BYTES", default, 1, MAX_MULTIPART_BYTES)?;
        Ok(Self {
            max_upload,
            max_multipart,
        })
    }

    /// Checks the length that a client declares for one PUT.
    pub fn check_declared(&self, size: u64) -> Result<(), Error> {
        if size <= self.max_upload {
            return Ok(());
        }
        // Larger than one PUT can be, but within the limit for multipart uploads.
        if size > MAX_PUT_BYTES && size <= self.max_multipart {
            return Err(Error::new(
                Code::UseMultipart,
                "Files over 5 GiB do not fit into one PUT. Use a multipart upload.",
            ));
        }
        Err(too_large(size, self.max_upload))
    }

    /// Checks the length that a client declares for a multipart upload.
    pub fn check_multipart(&self, size: u64) -> Result<(), Error> {
        if size <= self.max_multipart {
            return Ok(());
        }
        Err(too_large(size, self.max_multipart))
    }

    /// The limit for an existing object with `etag`. Without a declared length, nothing could have
    /// enforced it earlier.
    #[must_use]
    pub fn max_stored(&self, etag: &str) -> u64 {
        if is_multipart(etag) {
            self.max_multipart
        } else {
            self.max_upload
        }
    }
}

/// `USER_QUOTA_BYTES`; `None` if users have no quota.
pub fn quota_bytes(env: &Environment) -> Result<Option<u64>, ConfigError> {
    // Postgres stores it as a bigint.
    let max = i64::MAX.unsigned_abs();
    env.optional("USER_QUOTA_BYTES")
        .map(|_| env.number("USER_QUOTA_BYTES", max, 0, max))
        .transpose()
}

/// Fails with `quota_exceeded` if `wanted` bytes do not fit next to the `used` bytes and the
/// `pending` bytes of unfinished uploads.
///
/// This check refuses early. The exact check is in the record step.
pub fn check_quota(wanted: u64, used: u64, pending: u64, quota: u64) -> Result<(), Error> {
    let left = quota.saturating_sub(used).saturating_sub(pending);
    if wanted <= left {
        return Ok(());
    }
    let remedy = if pending == 0 {
        "Delete files first.".to_owned()
    } else {
        format!("Unfinished uploads take {pending}. Complete or abort them, or delete files first.")
    };
    Err(Error::new(
        Code::QuotaExceeded,
        format!("This needs {wanted} bytes, and {left} of your {quota} are left. {remedy}"),
    ))
}

/// `too_many_uploads`.
#[must_use]
pub fn too_many_uploads() -> Error {
    Error::new(
        Code::TooManyUploads,
        format!(
            "You have {MAX_OPEN_UPLOADS} unfinished uploads, and no more are allowed. Complete or abort some first."
        ),
    )
}

/// `file_too_large`, with both numbers.
#[must_use]
pub fn too_large(size: u64, max: u64) -> Error {
    Error::new(
        Code::FileTooLarge,
        format!("The file has {size} bytes; at most {max} are accepted here."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max_upload: &str, max_multipart: &str) -> SizeLimits {
        let env = [
            ("MAX_UPLOAD_BYTES", max_upload),
            ("MAX_MULTIPART_BYTES", max_multipart),
        ];
        SizeLimits::from_env(&env.into_iter().collect()).expect("limits")
    }

    #[test]
    fn declared_lengths() {
        let code =
            |limits: SizeLimits, size| limits.check_declared(size).err().map(|error| error.code());
        let default = limits("", "");
        assert_eq!(code(default, 0), None);
        assert_eq!(code(default, MAX_PUT_BYTES), None);
        assert_eq!(code(default, MAX_PUT_BYTES + 1), Some(Code::UseMultipart));
        assert_eq!(code(default, u64::MAX), Some(Code::FileTooLarge));
        let alone = limits("10", "");
        assert_eq!(code(alone, MAX_PUT_BYTES + 1), Some(Code::FileTooLarge));
        let small = limits("10", "20");
        assert_eq!(code(small, 10), None);
        assert_eq!(code(small, 11), Some(Code::FileTooLarge));
        assert_eq!(code(small, MAX_PUT_BYTES + 1), Some(Code::FileTooLarge));
    }

    #[test]
    fn a_quota_counts_what_is_stored_and_what_is_pending() {
        for (wanted, used, pending, fits) in [
            (0, 0, 0, true),
            (10, 0, 0, true),
            (11, 0, 0, false),
            (4, 3, 3, true),
            (5, 3, 3, false),
            (0, 10, 0, true),
            (0, 20, 5, true),
            (1, 20, u64::MAX, false),
        ] {
            let checked = check_quota(wanted, used, pending, 10);
            assert_eq!(checked.is_ok(), fits, "{wanted} {used} {pending}");
            if let Err(error) = checked {
                assert_eq!(error.code(), Code::QuotaExceeded);
                let named = error.client_message().contains("nfinished");
                assert_eq!(named, pending > 0, "{error}");
            }
        }
    }

    #[test]
    fn one_configured_limit_limits_uploads_in_parts_too() {
        let fits = |limits: SizeLimits, size| limits.check_multipart(size).is_ok();
        for (max_upload, max_multipart, largest) in [
            ("", "", DEFAULT_MULTIPART_BYTES),
            ("50000", "", 50_000),
            ("50000", " ", 50_000),
            ("50000", "60000", 60_000),
            ("50000", "40000", 40_000),
            ("", "53687091200000", MAX_MULTIPART_BYTES),
        ] {
            let limits = limits(max_upload, max_multipart);
            assert!(fits(limits, largest), "{max_upload:?} {max_multipart:?}");
            assert!(
                !fits(limits, largest + 1),
                "{max_upload:?} {max_multipart:?}"
            );
        }
        let env = Environment::from_iter([("MAX_MULTIPART_BYTES", "53687091200001")]);
        SizeLimits::from_env(&env).expect_err("more than S3 takes");
    }
}
