//! The grants that each function has used, so that a test can compare them with its role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// For each function, the granted actions that a request used, with the operations that used them,
/// such as `HeadObject of a missing object` for `s3:ListBucket`.
pub type Used = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[derive(Default)]
pub(super) struct Uses(Mutex<Used>);

impl Uses {
    pub(super) fn note(&self, function: &str, action: &str, operation: String) {
        let mut used = self.used();
        let actions = used.entry(function.to_owned()).or_default();
        let operations = actions.entry(action.to_owned()).or_default();
        operations.insert(operation);
    }

    pub(super) fn all(&self) -> Used {
        self.used().clone()
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
