//! Key pairs: the administrator's, and one for each function, derived from it.

use std::fmt;

use s3s::crypto::{Checksum as _, Sha256};

use super::write::hex;

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The id, which requests contain.
    pub access_key: String,
    /// The secret key of signatures.
    pub secret_key: String,
}

impl KeyPair {
    /// The administrator's pair.
    #[must_use]
    pub fn new(access_key: &str, secret_key: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
        }
    }

    /// The pair of `function` on a server whose administrator has this one. The id shows the
    /// function in signed URLs and logs. The secret does not reveal the administrator's.
    #[must_use]
    pub fn of_function(&self, function: &str) -> Self {
        let name = function.replace('-', "_").to_uppercase();
        let derived = format!("{}/{function}", self.secret_key);
        Self {
            access_key: format!("{}_{name}", self.access_key),
            secret_key: hex(&Sha256::checksum(derived.as_bytes())),
        }
    }

    /// The variables that give the pair to a function.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 2] {
        [
            ("AWS_ACCESS_KEY_ID", self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.clone()),
        ]
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}
