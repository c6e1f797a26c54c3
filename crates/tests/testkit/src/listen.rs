//! The log of the functions that run within a test process, or that it runs to their end.

use std::io::Write as _;
use std::process::Output;
use std::sync::{Arc, Once};

use slipway_core::env::Environment;
use slipway_emulators::capture;

/// Has whatever this process logs from now on captured, if anybody wants it: with all that `LOG_LEVEL` can bring.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Some(file) = capture::log("tests").expect("a file for the log") else {
            return;
        };
        let get = |name: &str| (name == "LOG_LEVEL").then(|| "trace".to_owned());
        let log = slipway_log::subscriber(&Environment::new(get), Arc::new(file)).expect("a level");
        tracing::subscriber::set_global_default(log).expect("there is no other log");
    });
}

/// Has what a function printed captured, if anybody wants it.
pub fn heard(name: &str, output: &Output) {
    if let Some(mut log) = capture::log(name).expect("a file for the log") {
        for bytes in [&output.stdout, &output.stderr] {
            log.write_all(bytes).expect("it is written");
        }
    }
}
