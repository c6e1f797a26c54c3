//! Cursors of earlier versions: opaque texts that mark the end of a page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use uuid::Uuid;

use crate::error::Error;
use crate::id::FileId;

const TAG_BYTES: usize = 5;

/// The last id of a page in the form of earlier versions. Lists return
/// [`ListCursors`](crate::ListCursors) now.
///
/// A tag detects typos and guesses. It is not a secret: a forged cursor could only start a page of
/// the caller's own files at another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) FileId);

impl Cursor {
    /// The text that earlier versions returned: 28 characters of base64url.
    #[cfg(test)]
    pub(crate) fn encode(self) -> String {
        let id = self.0.uuid();
        let mut bytes = [0; 16 + TAG_BYTES];
        bytes[..16].copy_from_slice(id.as_bytes());
        bytes[16..].copy_from_slice(&tag(id));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Returns `None` if no earlier version has created the cursor.
    pub(crate) fn decode(text: &str) -> Option<Self> {
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
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
    }

    #[test]
    fn one_changed_character_is_not_ours() {
        let text = Cursor(FileId::new()).encode();
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let mut changed = text.clone();
            changed.replace_range(at..=at, other);
            assert!(Cursor::decode(&changed).is_none(), "{changed}");
        }
        assert!(Cursor::decode(&FileId::new().to_string()).is_none());
        assert!(Cursor::decode("").is_none());
    }

    proptest! {
        #[test]
        fn wild_text_is_refused(text in ".{0,60}") {
            prop_assert!(Cursor::decode(&text).is_none());
        }
    }
}
