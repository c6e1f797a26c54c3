//! Reads one member of a JSON object. The name is known only at run time, so `derive` cannot do it.
//! A map of all members would allocate for each claim of each request.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The member `name` of `object`: null if it has no such member, `None` if it is not an object.
pub(super) fn member(object: Option<&RawValue>, name: &str) -> Option<Value> {
    let mut json = serde_json::Deserializer::from_str(object?.get());
    Member(name).deserialize(&mut json).ok()
}

struct Member<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(Named(self.0))? {
            if !is_it {
                members.next_value::<IgnoredAny>()?;
            } else if found.replace(members.next_value()?).is_some() {
                return Err(A::Error::custom("the member is there twice"));
            }
        }
        Ok(found.unwrap_or_default())
    }
}

/// Returns whether the next key has this name.
struct Named<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn found(object: &str, name: &str) -> Option<Value> {
        let raw: Box<RawValue> = serde_json::from_str(object).expect("JSON");
        member(Some(&raw), name)
    }

    #[test]
    fn one_member_and_no_other() {
        let object = r#"{"a": {"org": "x"}, "or\u0067": "b", "org2": 1, "b": ["org", "y"]}"#;
        assert_eq!(found(object, "org"), Some(json!("b")));
        assert_eq!(found(object, "org2"), Some(json!(1)));
        assert_eq!(found(object, "o"), Some(Value::Null));
        assert_eq!(found(r#"{"org": null}"#, "org"), Some(Value::Null));
        assert_eq!(found(r#"{"org": "a", "org": "b"}"#, "org"), None);
        for other in ["null", "5", "\"org\"", "[\"org\", \"a\"]"] {
            assert_eq!(found(other, "org"), None, "{other}");
        }
        assert_eq!(member(None, "org"), None);
    }

    proptest! {
        #[test]
        fn any_member_is_found(members in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..6), other: String) {
            let object = json!(members).to_string();
            for name in members.keys().chain([&other]) {
                let expected = members.get(name).map_or(Value::Null, |value| json!(value));
                prop_assert_eq!(found(&object, name), Some(expected));
            }
        }
    }
}
