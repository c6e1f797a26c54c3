//! Counting instructions: a program under `valgrind --tool=callgrind`.
//!
//! Valgrind shows programs a processor without SHA extensions, so hashing counts for more here than it costs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use slipway_emulators::tools;

/// Whether budgets of instructions can be looked at: aloud, where they cannot.
pub(crate) fn is_here() -> bool {
    if slipway_testkit::skips("valgrind") {
        eprintln!("LEFT OUT: what takes how many instructions, since valgrind is not here");
        return false;
    }
    if !cfg!(target_arch = "x86_64") {
        eprintln!(
            "LEFT OUT: what takes how many instructions, since the budgets are those of x86_64"
        );
        return false;
    }
    let found = tools::find("valgrind").is_some();
    assert!(
        found,
        "install valgrind (on Debian: apt-get install valgrind)"
    );
    true
}

/// A program, and the file that its instructions will be in.
pub(crate) struct Counted {
    /// To be started as if it were the program; it takes no arguments.
    pub(crate) program: PathBuf,
    counts: PathBuf,
}

impl Counted {
    /// Writes it into `folder`.
    pub(crate) fn new(folder: &Path, program: &Path, arguments: &str) -> Self {
        let counts = folder.join("counts");
        let script = folder.join("counted");
        let text = format!(
            "#!/bin/sh\nexec valgrind --quiet --tool=callgrind --callgrind-out-file='{}' '{}' {arguments}\n",
            counts.display(),
            program.display(),
        );
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a program");
        Self {
            program: script,
            counts,
        }
    }

    /// How many instructions it took, once it has ended.
    pub(crate) fn instructions(&self) -> u64 {
        let counts = fs::read_to_string(&self.counts).expect("what callgrind wrote");
        let total = counts
            .lines()
            .find_map(|line| line.strip_prefix("totals: "));
        total.expect("a total").parse().expect("a number")
    }
}
