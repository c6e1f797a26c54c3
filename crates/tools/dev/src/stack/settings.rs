//! The environment of the functions.

use std::ffi::OsString;

use slipway_emulators::capture;
use slipway_emulators::guard::Program;

use crate::token::{AUDIENCE, ISSUER, Key};

/// Changes to the environment we were started in: everything else a user has
/// set, such as `MAX_UPLOAD_BYTES`, reaches the functions as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Env {
    changes: Vec<(&'static str, Option<OsString>)>,
}

impl Env {
    /// Sets a variable, whatever it was.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        let value = value.into();
        capture::environment([(name, value.to_string_lossy().as_ref())]);
        self.changes.push((name, Some(value)));
    }

    /// Sets a variable unless the user has.
    pub(super) fn set_default(&mut self, name: &'static str, value: &str) {
        if user_set(name).is_none() {
            self.set(name, value);
        }
    }

    /// Each variable once, as it ends up: empty where it is taken away.
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

    /// Takes a variable away.
    pub(super) fn remove(&mut self, name: &'static str) {
        self.changes.push((name, None));
    }

    /// Whose tokens are good: the stack's own, unless the user brings a key.
    pub(super) fn trust(&mut self, key: &Key) {
        if brings_key() {
            return;
        }
        self.remove("JWT_SECRET");
        self.remove("JWT_KEYS");
        self.set("JWT_PUBLIC_KEY", key.public_pem());
        self.set("JWT_ISSUER", ISSUER);
        self.set("JWT_AUDIENCE", AUDIENCE);
    }

    /// Gives it to a program.
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

/// What the user has set, and not to nothing.
pub(super) fn user_set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether tokens are the user's own affair.
pub(super) fn brings_key() -> bool {
    ["JWT_PUBLIC_KEY", "JWT_SECRET", "JWT_KEYS"]
        .iter()
        .any(|name| user_set(name).is_some())
}
