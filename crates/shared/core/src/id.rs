//! The id of a file: a UUID version 7, generated at presign, and the same in the key, the table and
//! the API.

use std::fmt;

use uuid::{Uuid, Variant, Version};

/// A UUIDv7 (RFC 9562, section 5.7). Its order is the order in which uploads were presigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(Uuid);

impl FileId {
    /// A new id. Later calls in one process return greater ids.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// A random id whose time is between that of this id and now. A run that begins there does not
    /// begin at the same file every time.
    #[must_use]
    pub fn random_since(self) -> Self {
        let now = Uuid::now_v7();
        // The first 48 bits are the time in milliseconds.
        let (from, to) = (self.0.as_u128() >> 80, now.as_u128() >> 80);
        let span = to.saturating_sub(from) + 1;
        let at = from + u128::from(now.as_u64_pair().1) % span;
        let rest = now.as_u128() & ((1 << 80) - 1);
        Self(Uuid::from_u128(at << 80 | rest))
    }

    /// Parses the canonical form: 36 lower-case characters with hyphens, version 7. `None` for
    /// anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // `Uuid` accepts several forms; a key must have exactly one.
        let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let uuid = canonical.then(|| Uuid::try_parse(text).ok()).flatten()?;
        Self::from_uuid(uuid)
    }

    /// The id of `uuid`; `None` unless it is a version 7.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Option<Self> {
        let ours =
            uuid.get_version() == Some(Version::SortRand) && uuid.get_variant() == Variant::RFC4122;
        ours.then_some(Self(uuid))
    }

    /// The canonical form, written into `buffer`.
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.as_hyphenated().encode_lower(buffer)
    }

    /// The UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl Default for FileId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_of_a_version_7_parses() {
        let id = FileId::new();
        let text = id.to_string();
        assert_eq!(FileId::parse(&text), Some(id));
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
            "00000000-0000-4000-8000-000000000000".to_owned(),
            "00000000-0000-0000-0000-000000000000".to_owned(),
            String::new(),
        ] {
            assert_eq!(FileId::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn a_random_id_is_valid_and_of_any_time_since() {
        let first = FileId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let (mut early, mut late) = (0, 0);
        let millis = |id: FileId| id.uuid().as_u128() >> 80;
        let now = FileId::new();
        for _ in 0..1000 {
            let id = first.random_since();
            assert_eq!(FileId::from_uuid(id.uuid()), Some(id));
            assert!(millis(id) >= millis(first) && millis(id) <= millis(FileId::new()));
            if (millis(id) - millis(first)) * 2 < millis(now) - millis(first) {
                early += 1;
            } else {
                late += 1;
            }
        }
        assert!(early > 100 && late > 100, "{early} {late}");
        assert!(millis(now.random_since()) >= millis(now));
    }

    #[test]
    fn later_is_greater() {
        let ids: Vec<_> = (0..1000).map(|_| FileId::new()).collect();
        assert!(ids.is_sorted());
    }
}
