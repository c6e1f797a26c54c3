//! A function of the stack, and the settings of its processes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use slipway_emulators::guard::Guard;
use slipway_emulators::lambda::Lambda;
use slipway_emulators::s3::KeyPair;
use tokio::sync::watch;

use super::settings::EnvChanges;

/// How many requests of one function run at the same time. Lambda would start more environments.
const INSTANCES: usize = 4;

/// A function and its binary.
#[derive(Debug)]
pub(super) struct StackFunction {
    pub(super) name: String,
    pub(super) binary: PathBuf,
    pub(super) instances: usize,
    /// The queue of its events.
    pub(super) lambda: Arc<Lambda>,
    /// Whether its first instance has polled. The other instances start after that, so that an
    /// error at the start is reported once.
    pub(super) ready: watch::Sender<bool>,
}

impl StackFunction {
    /// A function that serves requests if it is `routed`, and events otherwise.
    pub(super) fn new(name: &str, binary: PathBuf, routed: bool) -> Self {
        Self {
            name: name.to_owned(),
            binary,
            instances: if routed { INSTANCES } else { 2 },
            lambda: Arc::new(Lambda::without_environment()),
            ready: watch::Sender::new(false),
        }
    }

    /// When its binary was last built; `None` while cargo replaces the file.
    pub(super) fn built(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.binary)
            .and_then(|file| file.modified())
            .ok()
    }
}

/// What every instance of every function is started with.
pub(super) struct LaunchSettings {
    pub(super) guard: Guard,
    pub(super) env: EnvChanges,
    /// The administrator's access key, from which each function's own is derived.
    pub(super) keys: Option<KeyPair>,
}

impl LaunchSettings {
    /// The environment of `function`. It has an access key of its own, as it has a role of its own
    /// in a deployment.
    pub(super) fn env(&self, function: &str) -> EnvChanges {
        let mut env = self.env.clone();
        if let Some(keys) = &self.keys {
            env.sign_by(&keys.of_function(function));
        }
        env
    }
}
