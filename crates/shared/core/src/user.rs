//! The owner of a file: the `sub` of a verified token, and its escaped form in object keys.

use std::fmt::{self, Write as _};

use ring::digest::{SHA256, digest};

/// The verified subject of a token: 1 to 255 bytes.
///
/// A NUL is refused: Postgres cannot store it in `text`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// The longest `sub`, in bytes. Escaping makes it at most three times as long, which still fits
    /// into an object key.
    pub const MAX_BYTES: usize = 255;

    /// `None` if `sub` is empty, too long, or holds a NUL.
    #[must_use]
    pub fn parse(sub: impl Into<String>) -> Option<Self> {
        let sub = sub.into();
        let fits = (1..=Self::MAX_BYTES).contains(&sub.len()) && !sub.contains('\0');
        fits.then_some(Self(sub))
    }

    /// The `sub` of the token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form for logs: the first 16 hex digits of the SHA-256 of the `sub`, which may be an
    /// e-mail address or a name. It distinguishes users, and an operator can compute it for a given
    /// user.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = digest(&SHA256, self.0.as_bytes());
        digest.as_ref()[..8]
            .iter()
            .fold(String::with_capacity(16), |mut hex, byte| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }

    /// Writes the first segment of this user's keys. Bytes outside `A–Za–z0–9-_.@` become `~XX`.
    ///
    /// `.` and `..` are escaped as well, since URL parsers resolve them as path segments.
    pub(crate) fn write_escaped(&self, out: &mut String) {
        let dots = matches!(self.0.as_str(), "." | "..");
        for byte in self.0.bytes() {
            if is_plain(byte) && !dots {
                out.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(out, "~{byte:02X}");
            }
        }
    }

    /// The user whose escaped form is exactly `segment`; `None` if no user has it.
    pub(crate) fn from_escaped(segment: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(segment.len());
        let mut rest = segment.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            rest = if first == b'~' {
                let (hex, tail) = tail.split_at_checked(2)?;
                let hex = std::str::from_utf8(hex).ok()?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
                tail
            } else {
                bytes.push(first);
                tail
            };
        }
        let user = Self::parse(String::from_utf8(bytes).ok()?)?;
        // Only the canonical form is accepted, so that one owner has one prefix.
        let mut canonical = String::with_capacity(segment.len());
        user.write_escaped(&mut canonical);
        (canonical == segment).then_some(user)
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@')
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(sub: &str) -> String {
        let mut out = String::new();
        UserId::parse(sub).expect("a sub").write_escaped(&mut out);
        out
    }

    #[test]
    fn escapes() {
        assert_eq!(escaped("alice@example.com"), "alice@example.com");
        assert_eq!(escaped("auth0|5f7c"), "auth0~7C5f7c");
        assert_eq!(escaped("a/b"), "a~2Fb");
        assert_eq!(escaped("~"), "~7E");
        assert_eq!(escaped("."), "~2E");
        assert_eq!(escaped(".."), "~2E~2E");
        assert_eq!(escaped("ü"), "~C3~BC");
    }

    #[test]
    fn other_spellings_are_nobody() {
        for segment in [
            "", ".", "..", "~", "~2", "~2f", "~61", "~GG", "~+1", "a b", "a%2Fb", "~00", "~FF",
        ] {
            assert_eq!(UserId::from_escaped(segment), None, "{segment}");
        }
    }

    #[test]
    fn bounds() {
        assert!(UserId::parse("").is_none());
        assert!(UserId::parse("a".repeat(255)).is_some());
        assert!(UserId::parse("a".repeat(256)).is_none());
        assert!(UserId::parse("a\0b").is_none());
    }

    proptest! {
        #[test]
        fn escaping_is_reversible_and_safe(sub in "[^\0]{1,60}") {
            let segment = escaped(&sub);
            prop_assert!(segment.len() <= 768);
            prop_assert!(segment.bytes().all(|b| is_plain(b) || b == b'~'));
            prop_assert!(segment != "." && segment != "..");
            let back = UserId::from_escaped(&segment);
            prop_assert_eq!(back.as_ref().map(UserId::as_str), Some(sub.as_str()));
        }

        #[test]
        fn any_segment_that_parses_is_canonical(segment in "[a~2EF.@%é]{0,8}") {
            if let Some(user) = UserId::from_escaped(&segment) {
                prop_assert_eq!(escaped(user.as_str()), segment);
            }
        }
    }
}
