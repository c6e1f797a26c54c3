//! Read URLs: the same file has the same URL for a while, so that a browser's cache works.

use std::borrow::Cow;

use slipway_core::content_type::is_inert;
use slipway_core::disposition::attachment;
use slipway_core::env::{ConfigError, Env};
use slipway_core::limits::MAX_URL_SECONDS;
use slipway_core::scan::require_scan;
use slipway_core::{FileRow, UrlBlocked};
use time::{Duration, OffsetDateTime};

use crate::location::PublicBase;
use crate::signer::{Request, Signer};

/// Makes read URLs: signed ones, or plain ones where files are public.
#[derive(Debug)]
pub struct ReadUrls {
    signer: Signer,
    public: Option<PublicBase>,
    seconds: u64,
    requires_scan: bool,
}

/// The moment that read URLs are signed for: now, rounded down, so that URLs repeat within the window.
#[derive(Clone, Debug)]
pub struct Window {
    start: OffsetDateTime,
    cache_control: String,
}

impl ReadUrls {
    /// Reads `READ_URL_SECONDS`, `PUBLIC_BASE_URL` and `REQUIRE_SCAN`.
    pub fn from_env(env: Env<'_>, signer: Signer) -> Result<Self, ConfigError> {
        Ok(Self {
            signer,
            public: PublicBase::from_env(env)?,
            seconds: env.number("READ_URL_SECONDS", 900, 1, MAX_URL_SECONDS)?,
            requires_scan: require_scan(env)?,
        })
    }

    /// The window that `now` lies in. It is half a URL's life, so every URL has at least half of it left.
    #[must_use]
    pub fn window(&self, now: OffsetDateTime) -> Window {
        let length = (self.seconds / 2).max(1);
        let into = now.unix_timestamp().rem_euclid(length.cast_signed());
        let start = now.replace_nanosecond(0).unwrap_or(now) - Duration::seconds(into);
        // A cached answer may live as long as the shortest life a URL of this window is handed out with.
        Window {
            start,
            cache_control: format!("private, max-age={length}"),
        }
    }

    /// The file's URL, and its end (`None` where files are public); or why it has none.
    ///
    /// It answers as an attachment if `download`, or if the type could run in a browser.
    pub fn get(
        &self,
        file: &FileRow,
        download: bool,
        window: &Window,
    ) -> Result<(String, Option<OffsetDateTime>), UrlBlocked> {
        if let Some(blocked) = UrlBlocked::by(file.scan_status).filter(|_| self.requires_scan) {
            return Err(blocked);
        }
        if let Some(public) = &self.public {
            return Ok((public.object_url(&file.object_key), None));
        }
        // Always said: a PUT may bring a disposition of its own, which S3 would answer with.
        let disposition: Cow<str> = if download || !shown_inline(file) {
            attachment(&file.file_name, file.object_key.name().as_str()).into()
        } else {
            "inline".into()
        };
        let query = [
            ("response-cache-control", window.cache_control.as_str()),
            ("response-content-disposition", &*disposition),
        ];
        let signed = self.signer.sign(&Request {
            method: "GET",
            key: &file.object_key,
            operation: "GetObject",
            query: &query,
            headers: &[],
            at: window.start,
            seconds: self.seconds,
        });
        Ok((signed.url, Some(signed.expires_at)))
    }
}

/// Both what S3 calls it and what its bytes say must be inert.
fn shown_inline(file: &FileRow) -> bool {
    is_inert(&file.content_type) && file.detected_type.as_deref().is_none_or(is_inert)
}
