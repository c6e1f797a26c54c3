//! Read URLs. A file has the same URL for a while, so that browser caches work.

use std::borrow::Cow;

use slipway_core::content_type::is_inert;
use slipway_core::disposition::attachment;
use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::MAX_URL_SECONDS;
use slipway_core::scan::require_scan;
use slipway_core::{FileRow, UrlBlocked};
use time::{Duration, OffsetDateTime};

use crate::location::PublicBase;
use crate::signer::{Request, Signer};

/// Creates read URLs: signed ones, or plain ones if files are public.
#[derive(Debug)]
pub struct ReadUrls {
    signer: Signer,
    public: Option<PublicBase>,
    seconds: u64,
    requires_scan: bool,
}

/// The time at which read URLs are signed and how long they are valid.
#[derive(Clone, Debug)]
pub struct Window {
    start: OffsetDateTime,
    seconds: u64,
    cache_control: String,
}

impl ReadUrls {
    /// Reads `READ_URL_SECONDS`, `PUBLIC_BASE_URL` and `REQUIRE_SCAN`.
    pub fn from_env(env: &Environment, signer: Signer) -> Result<Self, ConfigError> {
        Ok(Self {
            signer,
            public: PublicBase::from_env(env)?,
            seconds: env.number("READ_URL_SECONDS", 900, 1, MAX_URL_SECONDS)?,
            requires_scan: require_scan(env)?,
        })
    }

    /// The window of `now`: now, rounded down, so that URLs repeat within it. A window is half the
    /// lifetime of a URL, so every URL is valid for at least the other half.
    #[must_use]
    pub fn window(&self, now: OffsetDateTime) -> Window {
        let length = (self.seconds / 2).max(1);
        let into = now.unix_timestamp().rem_euclid(length.cast_signed());
        let start = now.replace_nanosecond(0).unwrap_or(now) - Duration::seconds(into);
        // A response may be cached for the shortest remaining lifetime of a URL from this window.
        Window {
            start,
            seconds: self.seconds,
            cache_control: format!("private, max-age={length}"),
        }
    }

    /// The window for URLs that are valid for exactly `seconds` from `now`. They do not repeat.
    /// `None` unless `seconds` is between 1 and [`ReadUrls::max_seconds`].
    #[must_use]
    pub fn exactly(&self, seconds: u64, now: OffsetDateTime) -> Option<Window> {
        (1..=self.seconds).contains(&seconds).then(|| Window {
            start: now.replace_nanosecond(0).unwrap_or(now),
            seconds,
            cache_control: format!("private, max-age={seconds}"),
        })
    }

    /// The longest lifetime of a URL: `READ_URL_SECONDS`.
    #[must_use]
    pub const fn max_seconds(&self) -> u64 {
        self.seconds
    }

    /// The URL of the file and its expiry (`None` if files are public), or the reason why there is
    /// no URL.
    ///
    /// The response is an attachment if `download` is set, or if a browser could execute the type.
    pub fn get(
        &self,
        file: &FileRow,
        download: bool,
        window: &Window,
    ) -> Result<(String, Option<OffsetDateTime>), UrlBlocked> {
        if let Some(blocked) = self.blocked(file) {
            return Err(blocked);
        }
        if let Some(public) = &self.public {
            return Ok((public.object_url(&file.object_key), None));
        }
        // Always set: otherwise S3 would return the Content-Disposition that the PUT sent.
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
            seconds: window.seconds,
        });
        Ok((signed.url, Some(signed.expires_at)))
    }
}

impl ReadUrls {
    /// The URL of the file's preview, signed like the URL of the file and as stable. `None` if its
    /// bytes have no preview, or if the file itself has no URL.
    #[must_use]
    pub fn preview(&self, file: &FileRow, window: &Window) -> Option<String> {
        if !file.has_preview() || self.blocked(file).is_some() {
            return None;
        }
        let key = file.object_key.preview();
        if let Some(public) = &self.public {
            return Some(public.object_url(&key));
        }
        let query = [
            ("response-cache-control", window.cache_control.as_str()),
            ("response-content-disposition", "inline"),
        ];
        let signed = self.signer.sign(&Request {
            method: "GET",
            key: &key,
            operation: "GetObject",
            query: &query,
            headers: &[],
            at: window.start,
            seconds: window.seconds,
        });
        Some(signed.url)
    }

    /// Why the file has no URL.
    fn blocked(&self, file: &FileRow) -> Option<UrlBlocked> {
        UrlBlocked::by(file.scan_status).filter(|_| self.requires_scan)
    }
}

/// Returns whether both the content type in S3 and the type of the first bytes are inert.
fn shown_inline(file: &FileRow) -> bool {
    is_inert(&file.content_type) && file.detected_type.as_deref().is_none_or(is_inert)
}
