//! Removal of objects. It succeeds for a missing object, so it can be repeated.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use slipway_core::{Error, ObjectKey};

use crate::client::Bucket;
use crate::denial::{Refused, is_denial};
use crate::xml;

const MANY: &str = "remove objects from S3";

/// More than S3's response for a thousand objects that it did not remove.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The objects of a batch that S3 did not remove, and its code for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remaining(HashMap<String, String>);

impl Remaining {
    /// The number of objects that remain.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether S3 removed all of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the object under `key` remains.
    #[must_use]
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.0.contains_key(key.as_str())
    }

    /// S3's code for the object under `key`, if that remains.
    #[must_use]
    pub fn code(&self, key: &ObjectKey) -> Option<&str> {
        self.0.get(key.as_str()).map(String::as_str)
    }

    /// The error of the batch, if S3 refused the credentials or a permission.
    #[must_use]
    pub fn denied(&self) -> Option<Error> {
        // Each object has a code and no status. S3 sends `AccessDenied` for a missing permission.
        let code = self.0.values().find(|code| {
            is_denial(200, Some(code))
                || matches!(code.as_str(), "AccessDenied" | "AllAccessDisabled")
        })?;
        let text = format!("S3 answered {code} for an object of the batch");
        let denied = true;
        Some(Error::internal(MANY, Refused { text, denied }))
    }
}

impl Bucket {
    /// Removes one object.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let request = self.s3.delete_object(key)?;
        self.send(&request, 0).await.map_err(|failure| {
            failure
                .into_error("remove the object from S3", self.name())
                .of_file(key)
        })?;
        Ok(())
    }

    /// Removes up to 1,000 objects in one call (S3's limit), and returns the keys that S3 did not
    /// remove.
    pub async fn delete_reporting(&self, keys: &[ObjectKey]) -> Result<Remaining, Error> {
        if keys.is_empty() {
            return Ok(Remaining::default());
        }
        let request = self.s3.delete_objects(document(keys))?;
        let response = self
            .send(&request, MAX_BYTES)
            .await
            .map_err(|failure| failure.into_error(MANY, self.name()))?;
        remaining(&String::from_utf8_lossy(&response.body), keys)
            .map(Remaining)
            .ok_or_else(|| Error::unavailable(MANY, "the response of S3 is incomplete"))
    }
}

/// The maximum number of objects in one `DeleteObjects`.
const AT_ONCE: usize = 1000;

impl Bucket {
    /// Removes the objects of any number of files, each with its preview if the flag says that it
    /// may have one. A file remains while either object remains.
    pub async fn delete_files<'k>(
        &self,
        files: impl IntoIterator<Item = (&'k ObjectKey, bool)>,
    ) -> Result<Remaining, Error> {
        let mut keys = Vec::new();
        let mut files_of = HashMap::new();
        for (key, has_preview) in files {
            if has_preview {
                let preview = key.preview();
                files_of.insert(preview.as_str().to_owned(), key.as_str());
                keys.push(preview);
            }
            keys.push(key.clone());
        }
        let requests = keys.chunks(AT_ONCE).map(|keys| self.delete_reporting(keys));
        let mut all = Remaining::default();
        for remaining in try_join_all(requests).await? {
            all.0.extend(remaining.0.into_iter().map(|(key, code)| {
                let file = files_of.get(&key).map(|file| (*file).to_owned());
                (file.unwrap_or(key), code)
            }));
        }
        Ok(all)
    }
}

/// The request's body. With `Quiet`, S3 lists only the objects that it did not remove. An object
/// key has no character that XML would need escaped.
fn document(keys: &[ObjectKey]) -> String {
    let mut xml = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
    for key in keys {
        for part in ["<Object><Key>", key.as_str(), "</Key></Object>"] {
            xml.push_str(part);
        }
    }
    xml.push_str("<Quiet>true</Quiet></Delete>");
    xml
}

/// The keys that remain, and S3's code for each. `None` if `response` is incomplete.
fn remaining(response: &str, keys: &[ObjectKey]) -> Option<HashMap<String, String>> {
    let (_, result) = response.split_once("<DeleteResult")?;
    let result = result.trim_end();
    // If S3 removed all objects, the result may be a single tag.
    let one_tag = result.ends_with("/>") && !result.contains('<');
    if !one_tag && !result.ends_with("</DeleteResult>") {
        return None;
    }
    let mut remaining = HashMap::new();
    for error in xml::elements(result, "Error") {
        let key = xml::text(error, "Key");
        let code = xml::text(error, "Code").unwrap_or_default();
        let ours = keys.iter().find(|ours| Some(ours.as_str()) == key);
        // If S3 reports an error for a key we did not send, treat every key of the batch as not
        // removed.
        let Some(key) = ours else {
            let all = keys
                .iter()
                .map(|key| (key.as_str().to_owned(), code.to_owned()));
            return Some(all.collect());
        };
        remaining.insert(key.as_str().to_owned(), code.to_owned());
    }
    Some(remaining)
}

#[cfg(test)]
mod tests {
    use slipway_core::{FileId, FileName, UserId};

    use super::*;

    #[test]
    fn the_response_lists_the_objects_that_remain() {
        let key = |name: &str| {
            let owner = UserId::parse("a@b.c").expect("a user");
            ObjectKey::new(
                owner,
                FileId::new(),
                &FileName::parse(name).expect("a name"),
            )
        };
        let keys = [key("a<&\">.txt"), key("b.txt")];
        let (first, second) = (keys[0].as_str(), keys[1].as_str());
        let xml = document(&keys);
        assert_eq!(xml.matches(['&', '"']).count(), 2, "{xml}");
        assert_eq!(
            xml::elements(&xml, "Key").collect::<Vec<_>>(),
            [first, second]
        );

        let error = |key: &str| {
            format!("<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>x</Message></Error>")
        };
        let result = |within: &str| {
            format!("<?xml version=\"1.0\"?>\n<DeleteResult xmlns=\"x\">{within}</DeleteResult>\n")
        };
        let with = |code: &str, keys: &[&str]| {
            let entry = |key: &&str| ((*key).to_owned(), code.to_owned());
            Some(keys.iter().map(entry).collect::<HashMap<_, _>>())
        };
        let both = with("AccessDenied", &[first, second]);
        let one = with("AccessDenied", &[second]);
        let broken = with("InternalError", &[first, second]);
        let none = with("", &[]);
        for (answer, expected) in [
            (result(""), none.clone()),
            ("<DeleteResult/>".to_owned(), none),
            (result(&error(second)), one),
            (result(&(error(second) + &error(first))), both.clone()),
            (result(&error("other")), both.clone()),
            (
                result("<Error><Code>InternalError</Code></Error>"),
                broken.clone(),
            ),
            (result(&error(first))[..60].to_owned(), None),
            ("<Error><Code>InternalError</Code></Error>".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(remaining(&answer, &keys), expected, "{answer}");
        }
        let is_denied = |failed: Option<HashMap<_, _>>| {
            let denied = Remaining(failed.expect("an answer")).denied();
            denied.is_some_and(|error| crate::denied(&error))
        };
        assert!(is_denied(both) && !is_denied(broken));
    }
}
