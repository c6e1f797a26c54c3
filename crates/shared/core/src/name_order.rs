//! The order of file names, and prefixes and folders in it.
//!
//! Names are compared as bytes of UTF-8, which is the order of their code points, and then by id.
//! In this order the names that begin with a prefix are neighbours, so a prefix is a range: from
//! the prefix itself to the first text behind all of its continuations. A folder is such a range
//! too. A list that shows folders jumps to the end of each, so the files within are never read.

use uuid::Uuid;

use crate::file::FileRow;

/// The one delimiter of folders.
pub const DELIMITER: char = '/';

/// The character after [`DELIMITER`], which ends the range of a folder.
const AFTER_DELIMITER: char = '0';

/// A place in a list by name: all entries behind this name and id follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePosition {
    name: String,
    id: Uuid,
}

impl NamePosition {
    /// The position before every name that begins with `prefix`.
    #[must_use]
    pub fn at_prefix(prefix: &str) -> Self {
        // No file has the nil UUID, so a file whose whole name is `prefix` follows.
        Self::new(prefix.to_owned(), Uuid::nil())
    }

    /// The position after `file`.
    #[must_use]
    pub fn after_file(file: &FileRow) -> Self {
        Self::new(file.file_name.clone(), file.id.uuid())
    }

    /// The position after every name in `folder`, which ends with [`DELIMITER`].
    #[must_use]
    pub fn after_folder(folder: &str) -> Self {
        let mut name = folder.strip_suffix(DELIMITER).unwrap_or(folder).to_owned();
        name.push(AFTER_DELIMITER);
        Self::new(name, Uuid::nil())
    }

    /// The position after `name` and `id`.
    #[must_use]
    pub const fn new(name: String, id: Uuid) -> Self {
        Self { name, id }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id, which orders files of one name.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }
}

/// The first text after every name that begins with `prefix`. `None` if there is none, as for the
/// empty prefix.
#[must_use]
pub fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // The next scalar value: a range of `char` steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_folder_ends_before_the_names_behind_it() {
        for (folder, end) in [("a/", "a0"), ("a//", "a/0"), ("/", "0"), ("写/", "写0")] {
            assert_eq!(NamePosition::after_folder(folder).name(), end, "{folder}");
            assert_eq!(end_of_prefix(folder).as_deref(), Some(end), "{folder}");
        }
    }

    #[test]
    fn the_end_of_a_prefix() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("a\u{7f}", Some("a\u{80}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(end_of_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn a_prefix_is_a_range(
            prefix in "[a-c/\u{d7ff}\u{e000}\u{10ffff}]{0,3}",
            name in "[a-c/\u{d7ff}\u{e000}\u{10ffff}]{0,5}",
        ) {
            let behind = end_of_prefix(&prefix).is_some_and(|end| name >= end);
            prop_assert_eq!(name.starts_with(&prefix), name >= prefix && !behind);
        }
    }
}
