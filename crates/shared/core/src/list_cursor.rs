//! Cursors of lists, which belong to one list, one order and one set of filters.
//!
//! A cursor holds a position and a tag. The tag hashes the position together with the list's order
//! and filters. A cursor that is used with other parameters is therefore refused like a mistyped
//! one. Otherwise a page would silently skip files, because a position in one list means nothing in
//! another. As in [`Cursor`], the tag is not a secret.
//!
//! Versions before the lists by name returned a [`Cursor`], whatever the filter `contentType` was.
//! Newest-first lists with that filter, or without any, still accept those, so that a client's list
//! survives an upgrade.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use uuid::Uuid;

use crate::cursor::{Cursor, not_ours};
use crate::error::Error;
use crate::id::FileId;
use crate::name_order::NamePosition;

const TAG_BYTES: usize = 5;
const ID_BYTES: usize = 16;

/// The filter that lists had when they returned a [`Cursor`].
const OLD_FILTER: &str = "contentType";

/// The order of a list of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    /// By id, descending.
    Newest,
    /// By name, ascending.
    Name,
}

/// A list of files or uploads, as far as its cursors are concerned.
#[derive(Clone, Debug)]
pub struct ListCursors {
    order: ListOrder,
    list: digest::Digest,
    accepts_old: bool,
}

impl ListCursors {
    /// The cursors of the list of open multipart uploads, newest first.
    #[must_use]
    pub fn of_uploads() -> Self {
        // No list of files has this filter.
        Self::new(ListOrder::Newest, &[("uploads", "")])
    }

    /// The cursors of the list of files in `order` with these filters, as name and value, each in a fixed
    /// place.
    #[must_use]
    pub fn new(order: ListOrder, filters: &[(&str, &str)]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"slipway cursor 2 ");
        context.update(&[order.byte()]);
        for (name, value) in filters {
            for text in [name, value] {
                // The length is included, so that two different lists of filters never have the
                // same text.
                context.update(&text.len().to_be_bytes());
                context.update(text.as_bytes());
            }
        }
        Self {
            order,
            list: context.finish(),
            accepts_old: order == ListOrder::Newest
                && filters.iter().all(|(name, _)| *name == OLD_FILTER),
        }
    }

    /// The cursor after the file `last` of a newest-first list.
    #[must_use]
    pub fn after(&self, last: FileId) -> String {
        self.encode(last.uuid(), "")
    }

    /// The cursor at `position` of a list by name.
    #[must_use]
    pub fn at(&self, position: &NamePosition) -> String {
        self.encode(position.id(), position.name())
    }

    /// The last file of the previous page, in a newest-first list.
    pub fn newest(&self, text: &str) -> Result<FileId, Error> {
        if self.accepts_old
            && let Some(Cursor(id)) = Cursor::decode(text)
        {
            return Ok(id);
        }
        let position = self.decode(text).ok_or_else(not_ours)?;
        let id = FileId::from_uuid(position.id());
        id.filter(|_| position.name().is_empty())
            .ok_or_else(not_ours)
    }

    /// The start of the page, in a list by name.
    pub fn by_name(&self, text: &str) -> Result<NamePosition, Error> {
        self.decode(text).ok_or_else(not_ours)
    }

    fn encode(&self, id: Uuid, name: &str) -> String {
        let mut bytes = Vec::with_capacity(1 + ID_BYTES + name.len() + TAG_BYTES);
        bytes.push(self.order.byte());
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(name.as_bytes());
        let tag = self.tag(&bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(&self, text: &str) -> Option<NamePosition> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (position, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        if tag != self.tag(position) {
            return None;
        }
        let (id, name) = position.get(1..)?.split_at_checked(ID_BYTES)?;
        // Postgres cannot store a NUL in a text, and a forged cursor must not cause a server error.
        let name = str::from_utf8(name)
            .ok()
            .filter(|name| !name.contains('\0'))?;
        let id = Uuid::from_slice(id).ok()?;
        Some(NamePosition::new(name.to_owned(), id))
    }

    fn tag(&self, position: &[u8]) -> [u8; TAG_BYTES] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(self.list.as_ref());
        context.update(position);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.finish().as_ref()[..TAG_BYTES]);
        tag
    }
}

impl ListOrder {
    const fn byte(self) -> u8 {
        match self {
            Self::Newest => 2,
            Self::Name => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: &[(&str, &str)] = &[];

    fn newest(filters: &[(&str, &str)]) -> ListCursors {
        ListCursors::new(ListOrder::Newest, filters)
    }

    fn by_name(filters: &[(&str, &str)]) -> ListCursors {
        ListCursors::new(ListOrder::Name, filters)
    }

    #[test]
    fn a_cursor_belongs_to_one_list() {
        let images = [("contentType", "image/")];
        let lists = [
            ALL,
            &images,
            &[("contentType", "image/j")],
            &[("rule", "image/")],
            &[("q", "image/")],
            &[("contentType", ""), ("rule", "image/")],
            &[("contentType", "image/"), ("rule", "a")],
            &[("contentType", "image/rule"), ("", "a")],
        ];
        let id = FileId::new();
        let position = NamePosition::new("a/b".to_owned(), id.uuid());
        for (at, mine) in lists.iter().enumerate() {
            for (other_at, other) in lists.iter().enumerate() {
                let same = at == other_at;
                let after = newest(mine).after(id);
                assert_eq!(
                    newest(other).newest(&after).is_ok(),
                    same,
                    "{mine:?} {other:?}"
                );
                let here = by_name(mine).at(&position);
                assert_eq!(
                    by_name(other).by_name(&here).is_ok(),
                    same,
                    "{mine:?} {other:?}"
                );
                assert!(by_name(other).by_name(&after).is_err());
                assert!(newest(other).newest(&here).is_err());
            }
        }
    }

    #[test]
    fn cursors_of_earlier_versions_continue_the_lists_there_were() {
        let id = FileId::new();
        let old = Cursor(id).encode();
        assert_eq!(newest(ALL).newest(&old).expect("old"), id);
        let typed = newest(&[("contentType", "image/")]);
        assert_eq!(typed.newest(&old).expect("old"), id);
        assert!(newest(&[("rule", "avatar")]).newest(&old).is_err());
        assert!(newest(&[("q", "a")]).newest(&old).is_err());
        assert!(by_name(ALL).by_name(&old).is_err());
        assert!(ListCursors::of_uploads().newest(&old).is_err());
    }

    #[test]
    fn lists_of_uploads_and_of_files_refuse_the_cursors_of_each_other() {
        let (id, uploads) = (FileId::new(), ListCursors::of_uploads());
        let cursor = uploads.after(id);
        assert_eq!(uploads.newest(&cursor).expect("of this list"), id);
        assert!(newest(ALL).newest(&cursor).is_err());
        assert!(by_name(ALL).by_name(&cursor).is_err());
        assert!(uploads.newest(&newest(ALL).after(id)).is_err());
    }

    #[test]
    fn one_changed_character_is_not_ours() {
        let list = by_name(ALL);
        let text = list.at(&NamePosition::new(
            "写真/a".to_owned(),
            FileId::new().uuid(),
        ));
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let mut changed = text.clone();
            changed.replace_range(at..=at, other);
            assert!(list.by_name(&changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_forged_nul_is_refused() {
        let list = by_name(ALL);
        let forged = list.encode(Uuid::nil(), "a\0b");
        assert!(list.by_name(&forged).is_err());
        // A position by name is invalid in a newest-first list, even with its tag.
        let forged = newest(ALL).encode(FileId::new().uuid(), "a");
        assert!(newest(ALL).newest(&forged).is_err());
        let forged = newest(ALL).encode(Uuid::nil(), "");
        assert!(newest(ALL).newest(&forged).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(name in "\\PC{0,256}") {
            let list = by_name(&[("prefix", "a")]);
            let position = NamePosition::new(name, FileId::new().uuid());
            prop_assert_eq!(list.by_name(&list.at(&position)).expect("ours"), position);
            let id = FileId::new();
            let list = newest(&[("q", "a")]);
            prop_assert_eq!(list.newest(&list.after(id)).expect("ours"), id);
        }

        #[test]
        fn wild_text_is_refused(text in ".{0,60}") {
            prop_assert!(by_name(ALL).by_name(&text).is_err());
            prop_assert!(newest(ALL).newest(&text).is_err());
        }
    }
}
