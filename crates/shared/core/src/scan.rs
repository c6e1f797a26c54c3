//! Results of a malware scan, and whether a file may be read.

use crate::env::{ConfigError, Environment};

/// The scan result of one object, stored in `s3_files.scan_status`. Null means that there is no
/// result yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanStatus {
    /// No threat was found.
    NoThreats,
    /// A threat was found. This is final for these bytes.
    Threats,
    /// The scanner does not support the file: it is encrypted, too large, or of an unknown kind.
    Unsupported,
    /// The scan failed.
    Failed,
}

impl ScanStatus {
    /// All statuses, for tests.
    pub const ALL: [Self; 4] = [
        Self::NoThreats,
        Self::Threats,
        Self::Unsupported,
        Self::Failed,
    ];

    /// The form in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoThreats => "no_threats",
            Self::Threats => "threats",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        }
    }

    /// Parses the form in the table. An unknown value counts as a failed scan.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .unwrap_or(Self::Failed)
    }
}

/// Why a file has no read URL while `REQUIRE_SCAN` is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlBlocked {
    /// There is no scan result yet.
    ScanPending,
    /// The scanner found a threat.
    ScanThreats,
    /// The scan failed.
    ScanFailed,
    /// The scanner does not support files like this one.
    ScanUnsupported,
}

impl UrlBlocked {
    /// All reasons, for the test that compares `openapi.yaml` with this list.
    pub const ALL: [Self; 4] = [
        Self::ScanPending,
        Self::ScanThreats,
        Self::ScanFailed,
        Self::ScanUnsupported,
    ];

    /// Why a file with this status cannot be read; `None` if it can.
    #[must_use]
    pub const fn by(status: Option<ScanStatus>) -> Option<Self> {
        match status {
            Some(ScanStatus::NoThreats) => None,
            None => Some(Self::ScanPending),
            Some(ScanStatus::Threats) => Some(Self::ScanThreats),
            Some(ScanStatus::Failed) => Some(Self::ScanFailed),
            Some(ScanStatus::Unsupported) => Some(Self::ScanUnsupported),
        }
    }

    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ScanPending => "scan_pending",
            Self::ScanThreats => "scan_threats",
            Self::ScanFailed => "scan_failed",
            Self::ScanUnsupported => "scan_unsupported",
        }
    }
}

/// `REQUIRE_SCAN`: whether files are readable only after a scanner has found nothing in them.
///
/// Fails if the deployment cannot enforce this: if the bytes behind a URL may change after the
/// scan, or if they can be read without a request to our functions.
pub fn require_scan(env: &Environment) -> Result<bool, ConfigError> {
    let required = env.flag("REQUIRE_SCAN")?;
    if required && !env.flag("WRITE_ONCE")? {
        return Err(ConfigError::new(
            "WRITE_ONCE",
            "must be true where REQUIRE_SCAN is: else a file may be replaced after it was scanned",
        ));
    }
    if required && env.optional("PUBLIC_BASE_URL").is_some() {
        return Err(ConfigError::new(
            "PUBLIC_BASE_URL",
            "must not be set where REQUIRE_SCAN is true: public files are read without asking",
        ));
    }
    Ok(required)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_found_harmless_is_read() {
        let blocked = |stored: Option<&str>| {
            UrlBlocked::by(stored.map(ScanStatus::from_stored)).map(UrlBlocked::as_str)
        };
        for (stored, expected) in [
            (Some("no_threats"), None),
            (None, Some("scan_pending")),
            (Some("threats"), Some("scan_threats")),
            (Some("unsupported"), Some("scan_unsupported")),
            (Some("failed"), Some("scan_failed")),
            (Some("NO_THREATS_FOUND"), Some("scan_failed")),
            (Some(""), Some("scan_failed")),
        ] {
            assert_eq!(blocked(stored), expected, "{stored:?}");
        }
        for status in ScanStatus::ALL {
            assert_eq!(ScanStatus::from_stored(status.as_str()), status);
        }
    }

    #[test]
    fn it_is_required_only_where_it_can_be_kept() {
        let read = |variables: &[(&str, &str)]| {
            let env = variables.iter().copied().collect();
            require_scan(&env).map_err(|error| error.to_string())
        };
        let (scan, once) = (("REQUIRE_SCAN", "true"), ("WRITE_ONCE", "true"));
        let public = ("PUBLIC_BASE_URL", "https://cdn.test");
        assert_eq!(read(&[]), Ok(false));
        assert_eq!(read(&[public]), Ok(false));
        assert_eq!(read(&[("REQUIRE_SCAN", "false"), public]), Ok(false));
        assert_eq!(read(&[scan, once]), Ok(true));
        for (variables, named) in [
            (&[scan][..], "WRITE_ONCE"),
            (&[scan, ("WRITE_ONCE", "false")], "WRITE_ONCE"),
            (&[scan, once, public], "PUBLIC_BASE_URL"),
            (&[("REQUIRE_SCAN", "maybe"), once], "REQUIRE_SCAN"),
        ] {
            let error = read(variables).expect_err(named);
            assert!(
                error.starts_with(&format!("configuration: {named} ")),
                "{error}"
            );
        }
    }
}
