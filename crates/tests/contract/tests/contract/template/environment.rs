//! The environment of each function at its largest: Lambda allows 4 KB for all names and values
//! together, and refuses a deployment beyond that.

use serde_json::Value;

use super::{functions, template};

/// Lambda's limit (quotas of AWS Lambda, "Environment variables").
const LIMIT: usize = 4096;

/// What must remain for the texts that have no limit of their own: the connection string, issuer and
/// audience of tokens, the content types, and the addresses of a CDN and a webhook. docs/template.md
/// names it.
const FOR_FREE_TEXTS: usize = 250;

/// The same if the ARN and the keys of a secret replace the connection string.
const FOR_FREE_TEXTS_AT_INIT: usize = 150;

fn is_free_text(variable: &str) -> bool {
    variable.starts_with("DATABASE_URL")
        || [
            "JWT_ISSUER",
            "JWT_AUDIENCE",
            "ALLOWED_CONTENT_TYPES",
            "PUBLIC_BASE_URL",
            "WEBHOOK_URL",
        ]
        .contains(&variable)
}

/// Alternatives that several variables choose in the same way.
struct Deployment {
    database_at_init: bool,
    has_secret_key: bool,
}

impl Deployment {
    fn condition(&self, name: &str) -> Option<bool> {
        match name {
            "AtInit" => Some(self.database_at_init),
            "AtDeployment" => Some(!self.database_at_init),
            "SecretKey" => Some(self.has_secret_key),
            _ => None,
        }
    }

    /// The longest value of `variable` in bytes; `None` if it is not set. A free text counts as
    /// empty.
    fn longest(&self, variable: &str, value: &Value) -> Option<usize> {
        if let Some(choice) = value.get("Fn::If") {
            let name = choice[0].as_str().expect("a condition");
            let branch = |at: usize| self.longest(variable, &choice[at]);
            return match self.condition(name) {
                Some(true) => branch(1),
                Some(false) => branch(2),
                None => branch(1).max(branch(2)),
            };
        }
        if value["Ref"] == "AWS::NoValue" {
            return None;
        }
        Some(match variable {
            _ if is_free_text(variable) => 0,
            // Bytes of HMAC-SHA-256, in base64.
            "JWT_SECRET" => 64,
            // An access key of IAM.
            "SIGNING_ACCESS_KEY_ID" => 20,
            "SIGNING_SECRET_ACCESS_KEY" => 40,
            // `whsec_` and up to 64 bytes in base64.
            "WEBHOOK_SECRET" => 94,
            "S3_BUCKET_NAME" => 63,
            // https://sqs.REGION.amazonaws.com/ACCOUNT/ and a name of at most 80 characters.
            "WEBHOOK_QUEUE_URL" => 140,
            _ => value.as_str().map_or_else(
                || parameter(value["Ref"].as_str().expect(variable)),
                str::len,
            ),
        })
    }
}

/// The longest value of a parameter.
fn parameter(name: &str) -> usize {
    let parameter = &template()["Parameters"][name];
    if let Some(length) = parameter["MaxLength"].as_u64() {
        return usize::try_from(length).expect("a length");
    }
    if let Some(most) = parameter["MaxValue"].as_u64() {
        return most.to_string().len();
    }
    if let Some(values) = parameter["AllowedValues"].as_array() {
        let lengths = values.iter().map(|value| value.as_str().expect(name).len());
        return lengths.max().expect("values");
    }
    match name {
        "OwnerClaim" => 64,
        "MaxUploadBytes" => "5368709120".len(),
        "MaxMultipartBytes" => "53687091200000".len(),
        "UserQuotaBytes" => 18,
        other => panic!("the longest {other} is not known here"),
    }
}

#[test]
fn the_largest_environment_of_each_function_fits() {
    let common = &template()["Globals"]["Function"]["Environment"]["Variables"];
    let mut largest = 0;
    for database_at_init in [false, true] {
        for has_secret_key in [false, true] {
            let deployment = Deployment {
                database_at_init,
                has_secret_key,
            };
            for function in functions() {
                let own = &function.properties["Environment"]["Variables"];
                let inherited = common.as_object().into_iter().flatten();
                let inherited = inherited.filter(|(name, _)| own[name.as_str()].is_null());
                let bytes: usize = inherited
                    .chain(own.as_object().into_iter().flatten())
                    // A deployment has one key. Either of them verifies its tokens.
                    .filter(|(name, _)| !(has_secret_key && *name == "JWT_KEYS"))
                    .filter_map(|(name, value)| Some(name.len() + deployment.longest(name, value)?))
                    .sum();
                largest = largest.max(bytes);
                let free = if database_at_init {
                    FOR_FREE_TEXTS_AT_INIT
                } else {
                    FOR_FREE_TEXTS
                };
                assert!(
                    bytes + free <= LIMIT,
                    "{}: {bytes} bytes, at init {database_at_init}, secret {has_secret_key}",
                    function.package
                );
            }
        }
    }
    // The two documents are in it.
    assert!(largest > 2048 + 1024, "{largest}");
}
