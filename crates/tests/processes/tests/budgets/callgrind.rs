//! Counts instructions with `valgrind --tool=callgrind`.
//!
//! Valgrind emulates a processor without SHA extensions, so hashing has a larger share here than on
//! Lambda.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use slipway_emulators::tools;

/// Whether valgrind is installed. If `SLIPWAY_SKIP` allows its absence, prints that the test is
/// skipped.
pub(crate) fn is_installed() -> bool {
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

/// A program under valgrind, and the file that its instruction count will be in.
pub(crate) struct Counted {
    /// The program to start instead of the original. It takes no arguments.
    pub(crate) program: PathBuf,
    counts: PathBuf,
}

impl Counted {
    /// Writes the script that starts valgrind into `folder`.
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

    /// The number of instructions, once the program has ended.
    pub(crate) fn instructions(&self) -> u64 {
        let counts = fs::read_to_string(&self.counts).expect("what callgrind wrote");
        let total = counts
            .lines()
            .find_map(|line| line.strip_prefix("totals: "));
        total.expect("a total").parse().expect("a number")
    }
}
