//! Cursors: opaque texts that mark the end of a page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use uuid::Uuid;

use crate::error::Error;
use crate::id::FileId;

const TAG_BYTES: usize = 5;

/// The last id that a page of uploads has examined. The next page starts below it. Lists of files
/// have [`ListCursors`](crate::ListCursors).
///
/// A tag detects typos and guesses. It is not a secret: a forged cursor could only start a page of
/// the caller's own files at another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub FileId);

impl Cursor {
    /// The text for `nextCursor`: 28 characters of base64url.
    #[must_use]
    pub fn encode(self) -> String {
        let id = self.0.uuid();
        let mut bytes = [0; 16 + TAG_BYTES];
        bytes[..16].copy_from_slice(id.as_bytes());
        bytes[16..].copy_from_slice(&tag(id));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Fails with `invalid_request` if the cursor was not created by [`Cursor::encode`].
    pub fn decode(text: &str) -> Result<Self, Error> {
        Self::try_decode(text).ok_or_else(not_ours)
    }

    fn try_decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, found) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        (found == tag(id))
            .then(|| FileId::from_uuid(id).map(Self))
            .flatten()
    }
}

pub(crate) fn not_ours() -> Error {
    Error::invalid_request(
        "cursor is not one of this list. Send nextCursor of the page before, unchanged, with the same parameters.",
    )
}

fn tag(id: Uuid) -> [u8; TAG_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"slipway cursor 1 ");
    context.update(id.as_bytes());
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&context.finish().as_ref()[..TAG_BYTES]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn round_trip() {
        let cursor = Cursor(FileId::new());
        assert_eq!(Cursor::decode(&cursor.encode()).expect("ours"), cursor);
    }

    #[test]
    fn one_changed_character_is_not_ours() {
        let text = Cursor(FileId::new()).encode();
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let mut changed = text.clone();
            changed.replace_range(at..=at, other);
            assert!(Cursor::decode(&changed).is_err(), "{changed}");
        }
        assert!(Cursor::decode(&FileId::new().to_string()).is_err());
        assert!(Cursor::decode("").is_err());
    }

    proptest! {
        #[test]
        fn wild_text_is_refused(text in ".{0,60}") {
            prop_assert!(Cursor::decode(&text).is_err());
        }
    }
}
