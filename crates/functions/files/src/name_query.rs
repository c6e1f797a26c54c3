//! Whether a name contains a text, as a person who searches means it.
//!
//! `É` is one character or two, depending on the program that wrote it: NFC makes them one. Simple
//! case folding then maps each character to one character, so `straße` does not contain `ss`. Both
//! are done here, because what Postgres does depends on the locale of the database.

use std::borrow::Cow;

use casefold::simple_fold;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// A text to look for in names.
#[derive(Debug)]
pub(crate) struct NameQuery(String);

impl NameQuery {
    pub(crate) fn new(text: &str) -> Self {
        Self(folded(text))
    }

    /// Whether `name` contains the text.
    pub(crate) fn matches(&self, name: &str) -> bool {
        folded(name).contains(&self.0)
    }
}

fn folded(text: &str) -> String {
    let composed = if is_nfc(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    };
    simple_fold(composed.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_composition_do_not_matter() {
        for (query, name) in [
            ("a", "a"),
            ("OLIDAY", "Holiday 2026.jpg"),
            ("é", "CAFE\u{301}.txt"),
            ("e\u{301}", "CAFÉ.txt"),
            ("ΌΣΟΣ", "όσος"),
            ("ὀδός", "ὈΔΌΣ"),
            ("straße", "STRAẞE"),
            ("\u{212b}ngstro\u{308}m", "ångström"),
            ("k", "300 \u{212a}"),
            ("ǆ", "Ǆ"),
            ("ꮿ", "Ꮿ"),
            ("写", "写真/2026"),
            ("/", "a/b"),
            ("👩\u{200d}👩", "👩\u{200d}👩\u{200d}👧"),
        ] {
            assert!(NameQuery::new(query).matches(name), "{query} in {name}");
        }
    }

    #[test]
    fn other_differences_do() {
        for (query, name) in [
            ("ss", "straße"),
            ("e", "café"),
            ("e", "cafe\u{301}"),
            ("i", "İ"),
            ("ı", "I"),
            ("a", "ａ"),
            ("fi", "ﬁ"),
            ("a b", "a\u{a0}b"),
            ("_", "a"),
            ("%", "a"),
            ("a", ""),
        ] {
            assert!(!NameQuery::new(query).matches(name), "{query} in {name}");
        }
    }
}
