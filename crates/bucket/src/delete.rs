//! Removal of objects. Removing what is not there succeeds, so it can be repeated.

use std::collections::HashSet;

use slipway_core::{Error, ObjectKey};

use crate::client::Bucket;
use crate::xml;

const MANY: &str = "remove objects from S3";

/// More than S3 says of a thousand objects that it did not remove.
const MOST_OF_AN_ANSWER: usize = 4 * 1024 * 1024;

impl Bucket {
    /// Removes one object.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let ask = self.s3.delete_object(key)?;
        self.send(&ask, 0)
            .await
            .map_err(|failure| failure.into_error("remove the object from S3"))?;
        Ok(())
    }

    /// Removes up to 1,000 objects in one call (S3's limit), and tells how many S3 did not remove.
    pub async fn delete_many(&self, keys: &[ObjectKey]) -> Result<usize, Error> {
        Ok(self.delete_reporting(keys).await?.len())
    }

    /// The same, and tells the keys that S3 did not remove.
    pub async fn delete_reporting(&self, keys: &[ObjectKey]) -> Result<HashSet<String>, Error> {
        let Some(any) = keys.first() else {
            return Ok(HashSet::new());
        };
        let ask = self.s3.delete_objects(any, document(keys))?;
        let answer = self
            .send(&ask, MOST_OF_AN_ANSWER)
            .await
            .map_err(|failure| failure.into_error(MANY))?;
        failed(&String::from_utf8_lossy(&answer.body), keys)
            .ok_or_else(|| Error::unavailable(MANY, "S3 did not answer to the end"))
    }
}

/// Quiet: only what failed is listed. Nothing that a key of ours may hold means anything in XML.
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

/// The keys that are still there; `None` if `answer` is not a whole one.
fn failed(answer: &str, keys: &[ObjectKey]) -> Option<HashSet<String>> {
    let (_, result) = answer.split_once("<DeleteResult")?;
    let result = result.trim_end();
    // Where nothing failed it may be written as one tag.
    let one_tag = result.ends_with("/>") && !result.contains('<');
    if !one_tag && !result.ends_with("</DeleteResult>") {
        return None;
    }
    let mut failed = HashSet::new();
    for error in xml::elements(result, "Error") {
        let key = xml::text(error, "Key");
        let ours = keys.iter().find(|ours| Some(ours.as_str()) == key);
        // An error that names no key of ours is nobody's, and so everybody's.
        let Some(key) = ours else {
            return Some(keys.iter().map(|key| key.as_str().to_owned()).collect());
        };
        failed.insert(key.as_str().to_owned());
    }
    Some(failed)
}

#[cfg(test)]
mod tests {
    use slipway_core::{FileId, FileName, UserId};

    use super::*;

    #[test]
    fn what_s3_says_of_each_object() {
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
        let both = Some([first, second].map(str::to_owned).into());
        let one = Some([second.to_owned()].into());
        let none = Some(HashSet::new());
        for (answer, expected) in [
            (result(""), none.clone()),
            ("<DeleteResult/>".to_owned(), none),
            (result(&error(second)), one),
            (result(&(error(second) + &error(first))), both.clone()),
            (result(&error("other")), both.clone()),
            (result("<Error><Code>InternalError</Code></Error>"), both),
            (result(&error(first))[..60].to_owned(), None),
            ("<Error><Code>InternalError</Code></Error>".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(failed(&answer, &keys), expected, "{answer}");
        }
    }
}
