//! The settings of a bucket: its CORS rule, whether it is public, its bucket policy, and the roles
//! that use it.

mod condition;
mod document;
mod pattern;
mod role;
mod template;

pub use self::condition::{AuthType, Signed};
pub use self::document::{Decision, Document, PolicyError, Request};
pub use self::role::Role;

/// Names and values of an object's tags.
pub type Tags = std::collections::BTreeMap<String, String>;

/// The settings of the bucket. By default any page may call, every read needs a signature, and the
/// bucket policy and the roles are those of a deployment with default parameters.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The origins of pages that may call; `None` allows every origin.
    pub origins: Option<Vec<String>>,
    /// Whether objects and their list can be read without a signature.
    pub public_read: bool,
    /// Parameters of `template.yaml`, on which its bucket policy and its roles depend.
    pub parameters: Vec<(&'static str, String)>,
}

impl Policy {
    /// A bucket of a deployment whose functions have these variables. Each variable sets the
    /// parameter from which the template sets it.
    #[must_use]
    pub fn of_variables(get: impl Fn(&str) -> Option<String>) -> Self {
        let mut parameters = Vec::new();
        for (variable, parameter) in [
            ("UPLOAD_URL_SECONDS", "UploadUrlSeconds"),
            ("READ_URL_SECONDS", "ReadUrlSeconds"),
        ] {
            parameters.extend(get(variable).map(|value| (parameter, value)));
        }
        // Functions also accept `1`. The template's parameter is `true` or `false`.
        let scans = get("REQUIRE_SCAN").is_some_and(|value| matches!(value.trim(), "true" | "1"));
        parameters.extend(scans.then(|| ("RequireScan", "true".to_owned())));
        Self {
            parameters,
            ..Self::default()
        }
    }

    /// The origins of the bucket's CORS rule.
    pub(super) fn cors_origins(&self) -> Vec<String> {
        self.origins.clone().unwrap_or_else(|| vec!["*".to_owned()])
    }

    /// The bucket policy of the template.
    pub(super) fn document(&self, bucket: &str) -> Result<Document, PolicyError> {
        Document::ours(bucket, &self.borrowed())
    }

    /// The roles of the template.
    pub(super) fn roles(&self, bucket: &str) -> Result<Vec<Role>, PolicyError> {
        Role::ours(bucket, &self.borrowed())
    }

    fn borrowed(&self) -> Vec<(&str, &str)> {
        let parameters = self.parameters.iter();
        parameters
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }
}
