//! The settings of a bucket: its CORS rule, whether it is public, and its bucket policy.

mod condition;
mod document;
mod pattern;
mod template;

pub use self::condition::{AuthType, Signed};
pub use self::document::{Decision, Document, PolicyError, Request};

/// Names and values of an object's tags.
pub type Tags = std::collections::BTreeMap<String, String>;

/// How open the bucket is. The default suits development: any page may call, nobody reads without a signature.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The origins of pages that may call; every origin without a list.
    pub origins: Option<Vec<String>>,
    /// Whether objects and their list are read without a signature.
    pub public_read: bool,
    /// The bucket policy. The one key pair is the bucket owner's, so only a `Deny` restricts it.
    pub document: Document,
}

impl Policy {
    /// The origins of the bucket's CORS rule.
    pub(super) fn cors_origins(&self) -> Vec<String> {
        self.origins.clone().unwrap_or_else(|| vec!["*".to_owned()])
    }
}
