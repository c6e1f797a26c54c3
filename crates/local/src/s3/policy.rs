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
    /// The `Access-Control-Allow-Origin` for a page at `origin`; none where it may not call.
    pub(super) fn allow_origin(&self, origin: Option<&str>) -> Option<&str> {
        match (&self.origins, origin) {
            // The same for every caller, so that a cached answer serves them all.
            (None, _) => Some("*"),
            (Some(origins), Some(origin)) => {
                origins.iter().map(String::as_str).find(|o| *o == origin)
            }
            (Some(_), None) => None,
        }
    }
}
