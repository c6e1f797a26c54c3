//! `template.yaml` as CloudFormation resolves it, and the bucket policy in it.

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

use super::Document;
use super::document::{PolicyError, texts};

/// The pseudo parameter that removes a property.
const NOTHING: &str = "AWS::NoValue";

/// The template, and the values of its parameters.
pub(super) struct Template<'a> {
    document: Value,
    bucket: &'a str,
    parameters: &'a [(&'a str, &'a str)],
}

impl Document {
    /// The bucket policy of this repository's template for `bucket`, with these parameters and
    /// defaults for the others. Unknown CloudFormation functions are errors.
    pub fn ours(bucket: &str, parameters: &[(&str, &str)]) -> Result<Self, PolicyError> {
        Template::ours(bucket, parameters)?.bucket_policy()
    }
}

impl<'a> Template<'a> {
    /// This repository's template.
    pub(super) fn ours(
        bucket: &'a str,
        parameters: &'a [(&'a str, &'a str)],
    ) -> Result<Self, PolicyError> {
        let text = include_str!("../../../../../../template.yaml");
        Self::read(text, bucket, parameters)
    }

    pub(super) fn read(
        text: &str,
        bucket: &'a str,
        parameters: &'a [(&'a str, &'a str)],
    ) -> Result<Self, PolicyError> {
        let yaml = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self {
            document: plain(yaml)?,
            bucket,
            parameters,
        })
    }
}

impl Template<'_> {
    fn bucket_policy(&self) -> Result<Document, PolicyError> {
        let policy = &self.document["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"];
        let policy = self.value(policy)?.ok_or("there is no bucket policy")?;
        Document::parse(&policy)
    }

    /// Every resource by name, whatever its condition.
    pub(super) fn resources(&self) -> Result<&Map<String, Value>, PolicyError> {
        let resources = self.document["Resources"].as_object();
        resources.ok_or_else(|| "there are no resources".into())
    }

    /// The properties of the resource of this type.
    pub(super) fn resource(&self, name: &str, kind: &str) -> Result<&Value, PolicyError> {
        let resource = &self.document["Resources"][name];
        if resource["Type"] == kind {
            return Ok(&resource["Properties"]);
        }
        Err(format!("there is no {kind} {name}").into())
    }

    /// The chosen branch if `node` is an `Fn::If`, otherwise `node`; its own functions are not
    /// resolved. `None` if it is left out.
    pub(super) fn chosen<'n>(&self, node: &'n Value) -> Result<Option<&'n Value>, PolicyError> {
        match node.as_object().and_then(function) {
            Some(("Fn::If", argument)) => self.chosen(self.branch(argument)?),
            Some(("Ref", argument)) if argument == NOTHING => Ok(None),
            _ => Ok(Some(node)),
        }
    }

    /// The branch of an `Fn::If` with these arguments.
    fn branch<'n>(&self, argument: &'n Value) -> Result<&'n Value, PolicyError> {
        match argument.as_array().map(Vec::as_slice) {
            Some([Value::String(condition), yes, no]) => {
                Ok(if self.condition(condition)? { yes } else { no })
            }
            _ => Err("Fn::If takes a condition and two values".into()),
        }
    }

    /// `node` with all functions resolved; `None` if it is left out.
    pub(super) fn value(&self, node: &Value) -> Result<Option<Value>, PolicyError> {
        match node {
            Value::Array(entries) => {
                let entries = entries.iter().map(|entry| self.value(entry));
                let kept: Vec<_> = entries.collect::<Result<_, _>>()?;
                Ok(Some(kept.into_iter().flatten().collect()))
            }
            Value::Object(members) => {
                if let Some((name, argument)) = function(members) {
                    return self.call(name, argument);
                }
                let mut kept = Map::new();
                for (name, member) in members {
                    if let Some(value) = self.value(member)? {
                        kept.insert(name.clone(), value);
                    }
                }
                Ok(Some(kept.into()))
            }
            other => Ok(Some(other.clone())),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Option<Value>, PolicyError> {
        match (name, argument) {
            ("Ref", Value::String(what)) if what == NOTHING => Ok(None),
            ("Ref" | "Fn::GetAtt", Value::String(what)) => Ok(Some(self.named(what)?.into())),
            ("Fn::Sub", Value::String(text)) => Ok(Some(self.filled(text)?.into())),
            ("Fn::If", argument) => self.value(self.branch(argument)?),
            ("Fn::Join", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(separator), list] => Ok(Some(self.joined(separator, list)?.into())),
                _ => Err("Fn::Join takes a separator and a list".into()),
            },
            _ => Err(format!("{name} of {argument} is not known").into()),
        }
    }

    /// The entries of a list, or of a parameter that is a list.
    fn joined(&self, separator: &str, list: &Value) -> Result<String, PolicyError> {
        Ok(match self.value(list)? {
            Some(Value::String(parameter)) => parameter.replace(',', separator),
            Some(entries) => texts(&entries)?.join(separator),
            None => String::new(),
        })
    }

    /// The value of a parameter, or of a reference to the bucket.
    fn named(&self, what: &str) -> Result<String, PolicyError> {
        let given = self.parameters.iter().find(|(name, _)| *name == what);
        let default = &self.document["Parameters"][what]["Default"];
        match (what, given, default) {
            ("Bucket", ..) => Ok(self.bucket.to_owned()),
            ("Bucket.Arn", ..) => Ok(format!("arn:aws:s3:::{}", self.bucket)),
            (_, Some((_, value)), _) => Ok((*value).to_owned()),
            (_, None, Value::String(value)) => Ok(value.clone()),
            (_, None, Value::Number(value)) => Ok(value.to_string()),
            _ => Err(format!("{what} is not known").into()),
        }
    }

    /// `text` with every `${name}` replaced.
    fn filled(&self, text: &str) -> Result<String, PolicyError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("a ${ does not end")?;
            filled.push_str(before);
            filled.push_str(&self.named(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn condition(&self, name: &str) -> Result<bool, PolicyError> {
        match &self.document["Conditions"][name] {
            Value::Null => Err(format!("the condition {name} is not known").into()),
            condition => self.test(condition),
        }
    }

    fn test(&self, node: &Value) -> Result<bool, PolicyError> {
        let unknown = || PolicyError::from(format!("the condition {node} is not known"));
        let (name, argument) = node.as_object().and_then(function).ok_or_else(unknown)?;
        let parts = argument.as_array().map_or(&[][..], Vec::as_slice);
        match (name, parts) {
            ("Condition", []) => self.condition(argument.as_str().ok_or_else(unknown)?),
            ("Fn::Equals", [left, right]) => Ok(self.value(left)? == self.value(right)?),
            ("Fn::Not", [one]) => Ok(!self.test(one)?),
            ("Fn::And", [_, _, ..]) => Ok(self.tests(parts)?.iter().all(|holds| *holds)),
            ("Fn::Or", [_, _, ..]) => Ok(self.tests(parts)?.iter().any(|holds| *holds)),
            _ => Err(unknown()),
        }
    }

    /// All parameters must exist.
    fn tests(&self, parts: &[Value]) -> Result<Vec<bool>, PolicyError> {
        parts.iter().map(|part| self.test(part)).collect()
    }
}

/// The name and the argument of a CloudFormation function.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut members = members.iter();
    match (members.next(), members.next()) {
        (Some((name, argument)), None)
            if name.starts_with("Fn::")
                || name == "Ref"
                || argument.is_string() && name == "Condition" =>
        {
            Some((name.as_str(), argument))
        }
        _ => None,
    }
}

/// As JSON, with `!Sub x` as `{"Fn::Sub": "x"}`.
fn plain(yaml: Yaml) -> Result<Value, PolicyError> {
    Ok(match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                name @ ("Ref" | "Condition") => name.to_owned(),
                other => format!("Fn::{other}"),
            };
            json!({ name: plain(tagged.value)? })
        }
        Yaml::Sequence(entries) => {
            let entries = entries.into_iter().map(plain);
            entries.collect::<Result<Vec<_>, _>>()?.into()
        }
        Yaml::Mapping(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                let name = name.as_str().ok_or("a name must be a text")?.to_owned();
                object.insert(name, plain(value)?);
            }
            object.into()
        }
        other => serde_json::to_value(other).map_err(|error| error.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{AuthType, Decision, Request, Signed, Tags};
    use super::*;

    const KEY: &str = "arn:aws:s3:::b/alice/01890a5d-ac96-774b-bcce-b302099a8057";

    fn ours(parameters: &[(&str, &str)]) -> Document {
        Document::ours("b", parameters).expect("a policy")
    }

    fn read(document: &Document, name: &str, auth_type: AuthType, tag: Option<&str>) -> Decision {
        let status = |tag: &str| ("GuardDutyMalwareScanStatus".to_owned(), tag.to_owned());
        let tags: Tags = tag.map(status).into_iter().collect();
        document.decide(&Request {
            action: "s3:GetObject",
            resource: &format!("{KEY}/{name}"),
            signed: Signed {
                auth_type: Some(auth_type),
                age: Some(1000),
            },
            tags: &tags,
        })
    }

    #[test]
    fn with_require_scan_only_clean_objects_are_read_by_url() {
        let gated = ours(&[("RequireScan", "true")]);
        let refused = Decision::Denied("OnlyScannedReads".to_owned());
        for tag in [
            None,
            Some("THREATS_FOUND"),
            Some("UNSUPPORTED"),
            Some("ACCESS_DENIED"),
            Some("FAILED"),
            Some("no_threats_found"),
            Some(""),
        ] {
            let decision = read(&gated, "a.txt", AuthType::Query, tag);
            assert_eq!(decision, refused, "{tag:?}");
            // The functions' own requests, which record the object.
            let decision = read(&gated, "a.txt", AuthType::Header, tag);
            assert_eq!(decision, Decision::Silent, "{tag:?}");
            // Objects that we made from scanned ones.
            let decision = read(&gated, "!preview", AuthType::Query, tag);
            assert_eq!(decision, Decision::Silent, "{tag:?}");
        }
        let clean = Some("NO_THREATS_FOUND");
        let decision = read(&gated, "a.txt", AuthType::Query, clean);
        assert_eq!(decision, Decision::Silent);
        let open = ours(&[]);
        assert_eq!(
            read(&open, "a.txt", AuthType::Query, None),
            Decision::Silent
        );
    }

    #[test]
    fn no_url_is_older_than_our_longest() {
        let document = ours(&[("UploadUrlSeconds", "60")]);
        for (action, age, denied) in [
            ("s3:PutObject", 60_000, None),
            ("s3:PutObject", 60_001, Some("NoOldUploadUrls")),
            ("s3:GetObject", 900_000, None),
            ("s3:GetObject", 900_001, Some("NoOldReadUrls")),
        ] {
            let decision = document.decide(&Request {
                action,
                resource: KEY,
                signed: Signed {
                    auth_type: Some(AuthType::Query),
                    age: Some(age),
                },
                tags: &Tags::new(),
            });
            let expected = denied.map_or(Decision::Silent, |sid| Decision::Denied(sid.to_owned()));
            assert_eq!(decision, expected, "{action} {age}");
        }
    }

    #[test]
    fn unknown_features_are_refused() {
        for policy in [
            "!Select [0, [a]]",
            "{Version: !Sub '${Other}', Statement: []}",
            "!If [Nobody, {}, {}]",
            "!Ref Nobody",
        ] {
            let text = format!(
                "Resources: {{BucketPolicy: {{Properties: {{PolicyDocument: {policy}}}}}}}"
            );
            let template = Template::read(&text, "b", &[]).expect("YAML");
            template.bucket_policy().expect_err(policy);
        }
    }
}
