//! The environment of the functions.

use std::ffi::OsString;

use slipway_emulators::capture;
use slipway_emulators::guard::Program;
use slipway_emulators::s3::KeyPair;
use slipway_s3_urls::ENDPOINTS;

use crate::token::{AUDIENCE, ISSUER, TokenKey};

/// Changes to our own environment. Other variables of the user, such as `MAX_UPLOAD_BYTES`, reach
/// the functions unchanged.
#[derive(Debug, Clone, Default)]
pub(super) struct EnvChanges {
    changes: Vec<(&'static str, Option<OsString>)>,
}

impl EnvChanges {
    /// Sets a variable.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        let value = value.into();
        capture::environment([(name, value.to_string_lossy().as_ref())]);
        self.changes.push((name, Some(value)));
    }

    /// Sets a variable unless the user has set it.
    pub(super) fn set_default(&mut self, name: &'static str, value: &str) {
        if user_set(name).is_none() {
            self.set(name, value);
        }
    }

    /// Sets the access key.
    pub(super) fn sign_by(&mut self, keys: &KeyPair) {
        for (name, value) in keys.variables() {
            self.set(name, value);
        }
    }

    /// Each variable once with its final value; empty if it is removed.
    pub(super) fn changes(&self) -> Vec<(&'static str, String)> {
        let mut last: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in &self.changes {
            let value = value
                .as_ref()
                .map(|value| value.to_string_lossy().into_owned());
            last.retain(|(known, _)| known != name);
            last.push((name, value.unwrap_or_default()));
        }
        last
    }

    /// The value that was set here.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let changes = self.changes().into_iter();
        let found = changes.filter(|(known, _)| *known == name);
        found.map(|(_, value)| value).next_back()
    }

    /// Removes a variable.
    pub(super) fn remove(&mut self, name: &'static str) {
        self.changes.push((name, None));
    }

    /// Sets the key that verifies tokens: the stack's own, unless the user brings one.
    pub(super) fn trust(&mut self, key: &TokenKey) {
        if brings_key() {
            return;
        }
        self.remove("JWT_SECRET");
        self.remove("JWT_KEYS");
        self.set("JWT_PUBLIC_KEY", key.public_pem());
        self.set("JWT_ISSUER", ISSUER);
        self.set("JWT_AUDIENCE", AUDIENCE);
    }

    /// Applies the changes to a program.
    pub(super) fn apply(&self, program: Program) -> Program {
        self.changes
            .iter()
            .cloned()
            .fold(program, |program, (name, value)| match value {
                Some(value) => program.env(name, value),
                None => program.env_remove(name),
            })
    }
}

/// The value of a variable that the user has set, if it is not empty.
pub(super) fn user_set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the user brings an S3 server.
pub(super) fn brings_s3() -> bool {
    ENDPOINTS.into_iter().any(|name| user_set(name).is_some())
}

/// Whether the user brings a key for tokens.
pub(super) fn brings_key() -> bool {
    ["JWT_PUBLIC_KEY", "JWT_SECRET", "JWT_KEYS"]
        .iter()
        .any(|name| user_set(name).is_some())
}
