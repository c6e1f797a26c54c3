//! A deployment's outputs, in the formats of the AWS tools.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

/// Outputs and parameters by name. Outputs take precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outputs(BTreeMap<String, String>);

impl Outputs {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let wrong = |what: String| io::Error::other(format!("{}: {what}", path.display()));
        let text = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let value = serde_json::from_slice(&text)
            .map_err(|error| wrong(format!("{error}; it must be the JSON of the outputs")))?;
        Self::parse(&value).ok_or_else(|| {
            wrong(
                "has no ApiUrl: give it what `sam list stack-outputs --output json` or `aws cloudformation \
                 describe-stacks` prints for Slipway's stack"
                    .to_owned(),
            )
        })
    }

    /// A list of outputs, a list of stacks, or an object of names and values.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let mut all = BTreeMap::new();
        if let Some(stack) = value.get("Stacks").and_then(|stacks| stacks.get(0)) {
            pairs(
                &stack["Parameters"],
                "ParameterKey",
                "ParameterValue",
                &mut all,
            );
            pairs(&stack["Outputs"], "OutputKey", "OutputValue", &mut all);
        } else if value.is_array() {
            pairs(value, "OutputKey", "OutputValue", &mut all);
        } else {
            let pairs = value.as_object()?.iter();
            all.extend(
                pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))),
            );
        }
        all.contains_key("ApiUrl").then_some(Self(all))
    }

    /// A value that is present and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The parts of a list separated by commas.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let parts = self.get(name).unwrap_or_default().split(',');
        let parts = parts.map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    /// Whether uploads are recorded by events, if the outputs have it.
    pub(crate) fn records(&self) -> bool {
        match self.get("RecordUploads") {
            Some(switch) => switch == "true",
            None => self.get("UploadQueueUrl").is_some(),
        }
    }
}

fn pairs(list: &Value, name: &str, value: &str, all: &mut BTreeMap<String, String>) {
    let pairs = list.as_array().into_iter().flatten();
    all.extend(pairs.filter_map(|pair| {
        Some((
            pair[name].as_str()?.to_owned(),
            pair[value].as_str()?.to_owned(),
        ))
    }));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Outputs;

    #[test]
    fn all_three_formats_are_read() {
        let sam = json!([
            { "OutputKey": "ApiUrl", "OutputValue": "https://a", "Description": "Where" },
            { "OutputKey": "UploadQueueUrl", "OutputValue": "https://q" },
        ]);
        let aws = json!({ "Stacks": [{ "StackName": "slipway", "Outputs": sam, "Parameters": [
            { "ParameterKey": "AllowedOrigins", "ParameterValue": "https://x, https://y" },
            { "ParameterKey": "ApiUrl", "ParameterValue": "not this" },
        ] }] });
        let plain = json!({ "ApiUrl": "https://a", "RecordUploads": "false", "BucketName": "" });
        for value in [&sam, &aws, &plain] {
            assert_eq!(
                Outputs::parse(value).unwrap().get("ApiUrl"),
                Some("https://a")
            );
        }
        assert!(Outputs::parse(&sam).unwrap().records());
        let aws = Outputs::parse(&aws).unwrap();
        assert_eq!(aws.list("AllowedOrigins"), ["https://x", "https://y"]);
        let plain = Outputs::parse(&plain).unwrap();
        assert!(!plain.records());
        assert_eq!(plain.get("BucketName"), None);
        assert_eq!(Outputs::parse(&json!([])), None);
    }
}
