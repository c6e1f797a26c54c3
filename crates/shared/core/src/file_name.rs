//! The name that a user gave a file, kept exactly, and its short ASCII form for the object key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Error;

/// A file name: 1 to 768 bytes of UTF-8 without control characters, kept exactly as given.
///
/// Slashes, bidirectional marks and outer spaces are allowed: the name is only displayed, and never
/// opened as a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// The longest name, in bytes of UTF-8. The longest name on Windows and macOS has 255 UTF-16
    /// units, which are at most 765 bytes.
    pub const MAX_BYTES: usize = 768;

    /// Fails with `invalid_request` and a message that says what to change.
    pub fn parse(name: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            return Err(Error::invalid_request(format!(
                "fileName must be 1 to {} bytes of UTF-8; this one has {}.",
                Self::MAX_BYTES,
                name.len()
            )));
        }
        if name.chars().any(char::is_control) {
            return Err(Error::invalid_request(
                "fileName must not contain control characters such as line breaks or NUL.",
            ));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of `x-amz-meta-name`: base64url without padding, at most 1,024 of the 2 KB that S3
    /// allows.
    #[must_use]
    pub fn to_metadata(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// The name in `x-amz-meta-name`; `None` if another program wrote an invalid value there.
    #[must_use]
    pub fn from_metadata(value: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        Self::parse(String::from_utf8(bytes).ok()?).ok()
    }
}

/// The `name` segment of a key: 1 to 64 of `A–Za–z0–9._-`, never `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

impl KeyName {
    /// The longest segment, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// The segment of a preview. Its `!` is in no other name.
    pub(crate) fn of_preview() -> Self {
        Self("!preview".to_owned())
    }

    /// The segment, if it is one.
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_BYTES).contains(&segment.len())
            && segment.bytes().all(is_plain)
            && !matches!(segment, "." | "..");
        fits.then(|| Self(segment.to_owned()))
    }

    /// A readable short form of `name`: runs of other characters become one `-`, and a short
    /// extension is kept.
    #[must_use]
    pub fn of(name: &FileName) -> Self {
        let plain = squeeze(name.as_str());
        let (stem, extension) = match plain.rsplit_once('.') {
            Some((stem, extension)) if is_extension(extension) => (stem, Some(extension)),
            _ => (plain.as_str(), None),
        };
        let room = Self::MAX_BYTES - extension.map_or(0, |extension| extension.len() + 1);
        let stem = stem.trim_matches(['-', '.']);
        let stem = &stem[..stem.len().min(room)];
        let stem = if stem.is_empty() { "file" } else { stem };
        Self(match extension {
            Some(extension) => format!("{stem}.{extension}"),
            None => stem.to_owned(),
        })
    }

    /// The segment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn is_extension(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn squeeze(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match u8::try_from(c) {
            Ok(byte) if is_plain(byte) => out.push(c),
            _ if out.ends_with('-') => {}
            _ => out.push('-'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn short(name: &str) -> String {
        KeyName::of(&FileName::parse(name).expect(name)).0
    }

    #[test]
    fn short_forms() {
        assert_eq!(short("test-s3.txt"), "test-s3.txt");
        assert_eq!(short("Übergröße 写真 (1)+%20'.jpg"), "bergr-e-1-20.jpg");
        assert_eq!(short("写真.jpg"), "file.jpg");
        assert_eq!(short("写真"), "file");
        assert_eq!(short("."), "file");
        assert_eq!(short(".."), "file");
        assert_eq!(short("../../etc/passwd"), "etc-passwd");
        assert_eq!(short(".gitignore"), "file.gitignore");
        assert_eq!(short("archive.tar.gz"), "archive.tar.gz");
        assert_eq!(short(&"a".repeat(768)), "a".repeat(64));
        assert_eq!(
            short(&format!("{}.jpeg", "a".repeat(760))),
            format!("{}.jpeg", "a".repeat(59))
        );
    }

    #[test]
    fn names_are_bounded_in_bytes() {
        assert!(FileName::parse("").is_err());
        assert!(FileName::parse("é".repeat(384)).is_ok());
        assert!(FileName::parse(format!("{}a", "é".repeat(384))).is_err());
        // 255 UTF-16 units, whatever they are.
        for unit in ["a", "é", "写", "\u{ffff}"] {
            assert!(FileName::parse(unit.repeat(255)).is_ok(), "{unit}");
        }
        assert!(FileName::parse(format!("{}a", "😀".repeat(127))).is_ok());
        let longest = FileName::parse("写".repeat(256)).expect("768 bytes");
        assert_eq!(longest.to_metadata().len(), 1024);
        for control in ["a\0b", "a\r\nb", "\u{7f}", "\u{85}"] {
            assert!(FileName::parse(control).is_err(), "{control:?}");
        }
        for fine in [
            " a ",
            "a/b\\c",
            "\u{202e}gpj.exe",
            "\u{200b}",
            "\u{feff}",
            "👩‍👩‍👧",
        ] {
            assert_eq!(FileName::parse(fine).expect(fine).as_str(), fine);
        }
    }

    proptest! {
        #[test]
        fn every_short_form_is_a_segment(name in "\\PC{1,128}") {
            let short = short(&name);
            prop_assert!(KeyName::parse(&short).is_some(), "{}", short);
        }

        #[test]
        fn metadata_carries_every_name(name in "\\PC{1,128}") {
            let name = FileName::parse(name).expect("bounded");
            prop_assert_eq!(FileName::from_metadata(&name.to_metadata()), Some(name));
        }

        #[test]
        fn foreign_metadata_never_panics(value in ".*") {
            let _ = FileName::from_metadata(&value);
        }
    }
}
