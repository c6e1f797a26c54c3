//! What a bucket's owner decides beside its keys: which pages may call, and whether the world may read.

/// How open the bucket is. The default suits development: any page may call, nobody reads without a signature.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The origins of pages that may call; every origin without a list.
    pub origins: Option<Vec<String>>,
    /// Whether objects and their list are read without a signature.
    pub public_read: bool,
}

impl Policy {
    /// The origins of the bucket's CORS rule.
    pub(super) fn cors_origins(&self) -> Vec<String> {
        self.origins.clone().unwrap_or_else(|| vec!["*".to_owned()])
    }
}
