//! Object keys: `{owner}/{id}/{name}`. The key determines the owner of an object and its row.
//!
//! The preview of a file is next to it, at `{owner}/{id}/!preview`. No file can have that key, so
//! [`ObjectKey::parse`] refuses it, and no row has it.

use std::fmt;

use crate::error::{Code, Error};
use crate::file_name::{FileName, KeyName};
use crate::id::FileId;
use crate::user::UserId;

/// A parsed key. S3 allows 1024 bytes; the longest of our keys has 867.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectKey {
    owner: UserId,
    id: FileId,
    name: KeyName,
    text: String,
}

impl ObjectKey {
    /// The key under which `owner` uploads file `id`.
    #[must_use]
    pub fn new(owner: UserId, id: FileId, file_name: &FileName) -> Self {
        Self::from_parts(owner, id, KeyName::of(file_name))
    }

    fn from_parts(owner: UserId, id: FileId, name: KeyName) -> Self {
        let mut text = String::with_capacity(owner.as_str().len() + 38 + name.as_str().len());
        owner.write_escaped(&mut text);
        text.push('/');
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        text.push_str(id.uuid().as_hyphenated().encode_lower(&mut buffer));
        text.push('/');
        text.push_str(name.as_str());
        Self {
            owner,
            id,
            name,
            text,
        }
    }

    /// The key of this file's preview, which is not the key of a file.
    #[must_use]
    pub fn preview(&self) -> Self {
        Self::from_parts(self.owner.clone(), self.id, KeyName::of_preview())
    }

    /// The key of a preview, if `text` is one. Its owner and id are those of the file.
    #[must_use]
    pub fn parse_preview(text: &str) -> Option<Self> {
        let (file, name) = text.rsplit_once('/')?;
        let (owner, id) = file.split_once('/')?;
        let key = Self::from_parts(
            UserId::from_escaped(owner)?,
            FileId::parse(id)?,
            KeyName::of_preview(),
        );
        (name == key.name.as_str()).then_some(key)
    }

    /// The prefix of all keys of `owner`, and of no other key.
    #[must_use]
    pub fn prefix_of(owner: &UserId) -> String {
        let mut text = String::new();
        owner.write_escaped(&mut text);
        text.push('/');
        text
    }

    /// Fails with `invalid_key` unless `text` is exactly what [`ObjectKey::new`] could have
    /// created.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::try_parse(text).ok_or_else(|| {
            Error::new(
                Code::InvalidKey,
                "objectKey is not a key of ours. Send the objectKey that presigning answered, unchanged.",
            )
        })
    }

    fn try_parse(text: &str) -> Option<Self> {
        let mut segments = text.split('/');
        let owner = UserId::from_escaped(segments.next()?)?;
        let id = FileId::parse(segments.next()?)?;
        let name = KeyName::parse(segments.next()?)?;
        segments
            .next()
            .is_none()
            .then(|| Self::from_parts(owner, id, name))
    }

    /// The owner of the object.
    #[must_use]
    pub const fn owner(&self) -> &UserId {
        &self.owner
    }

    /// The id of the file.
    #[must_use]
    pub const fn id(&self) -> FileId {
        self.id
    }

    /// The short ASCII name at the end.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn foreign_keys_do_not_parse() {
        assert!(ObjectKey::parse(&format!("alice/{ID}/a.txt")).is_ok());
        for key in [
            String::new(),
            "alice".to_owned(),
            format!("/{ID}/a.txt"),
            format!("alice/{ID}"),
            format!("alice/{ID}/"),
            format!("alice/{ID}/."),
            format!("alice/{ID}/.."),
            format!("../{ID}/a.txt"),
            format!("alice/{ID}/a.txt/"),
            format!("alice/{ID}/b/a.txt"),
            format!("alice/{ID}/a b.txt"),
            format!("alice/{ID}/{}", "a".repeat(65)),
            format!("alice/{}/a.txt", ID.to_uppercase()),
            format!("a%6cice/{ID}/a.txt"),
            format!("~61lice/{ID}/a.txt"),
            format!("alice/{ID}/a.txt\n"),
            format!(" alice/{ID}/a.txt"),
        ] {
            assert!(ObjectKey::parse(&key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_preview_is_next_to_its_file_and_is_not_a_file() {
        let key = ObjectKey::parse(&format!("a@b/{ID}/a.txt")).expect("a key");
        let preview = key.preview();
        assert_eq!(preview.as_str(), format!("a@b/{ID}/!preview"));
        assert!(ObjectKey::parse(preview.as_str()).is_err());
        assert_eq!(ObjectKey::parse_preview(preview.as_str()), Some(preview));
        for key in [
            "!preview".to_owned(),
            format!("{ID}/!preview"),
            format!("a/{ID}/preview"),
            format!("a/{ID}/!previews"),
            format!("a/{ID}/x/!preview"),
            format!("a/x/{ID}/!preview"),
            format!("/{ID}/!preview"),
            format!("a/{}/!preview", ID.to_uppercase()),
        ] {
            assert_eq!(ObjectKey::parse_preview(&key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn every_key_parses_back(sub in "[^\0]{1,60}", name in "\\PC{1,80}") {
            let owner = UserId::parse(sub).expect("a sub");
            let name = FileName::parse(name).expect("a name");
            let key = ObjectKey::new(owner.clone(), FileId::new(), &name);
            prop_assert!(key.as_str().len() <= 1024);
            let back = ObjectKey::parse(key.as_str()).expect("our own key");
            prop_assert_eq!(back.owner(), &owner);
            prop_assert_eq!(&back, &key);
        }

        #[test]
        fn whatever_parses_is_its_own_only_spelling(text in "[a~2E./@-]{1,9}/01890a5d-ac96-774b-bcce-b302099a8057/[a-c.%]{1,4}") {
            if let Ok(key) = ObjectKey::parse(&text) {
                prop_assert_eq!(key.as_str(), text);
            }
        }
    }
}
