//! Captures the logs of functions that run inside a test process, or as a child of it.

use std::io::Write as _;
use std::process::Output;
use std::sync::{Arc, Once};

use slipway_core::env::Environment;
use slipway_emulators::capture;

/// Writes the log of this process, at level `trace`, to a file in the folder that `cargo dev test`
/// sets. Without that folder it does nothing.
pub fn capture_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Some(file) = capture::log("tests").expect("a file for the log") else {
            return;
        };
        let get = |name: &str| (name == "LOG_LEVEL").then(|| "trace".to_owned());
        let log = slipway_log::subscriber(&Environment::new(get), Arc::new(file)).expect("a level");
        tracing::subscriber::set_global_default(log).expect("no other subscriber is set");
    });
}

/// Writes what a function printed to a file in the same folder.
pub fn capture_output(name: &str, output: &Output) {
    if let Some(mut log) = capture::log(name).expect("a file for the log") {
        for bytes in [&output.stdout, &output.stderr] {
            log.write_all(bytes).expect("it is written");
        }
    }
}
