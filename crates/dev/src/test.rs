//! `cargo dev test`: what a person and the machine that guards the branch both run.

use std::io;
use std::process::Command;
use std::time::Instant;

use crate::say;
use crate::workspace;

/// A stage: its name, its arguments to cargo, and whether `--quick` leaves it out.
struct Stage {
    name: &'static str,
    cargo: &'static [&'static str],
    slow: bool,
}

const STAGES: [Stage; 4] = [
    Stage {
        name: "format",
        cargo: &["fmt", "--all", "--check"],
        slow: false,
    },
    Stage {
        name: "lint",
        cargo: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        slow: false,
    },
    Stage {
        name: "test",
        cargo: &["test", "--workspace"],
        slow: false,
    },
    Stage {
        name: "stack",
        cargo: &[
            "test",
            "--package",
            "slipway-dev",
            "--test",
            "stack",
            "--",
            "--ignored",
        ],
        slow: true,
    },
];

/// Runs the stages in order, to the first that fails.
pub(crate) fn run(quick: bool) -> io::Result<()> {
    let mut times = Vec::new();
    for stage in &STAGES {
        if quick && stage.slow {
            times.push(format!("{} left out by --quick", stage.name));
            continue;
        }
        say::part("stage", stage.name);
        let started = Instant::now();
        let mut command = Command::new(workspace::cargo());
        command.args(stage.cargo).current_dir(workspace::root());
        for name in workspace::of_cargo_run() {
            command.env_remove(name);
        }
        let status = command.status()?;
        times.push(format!(
            "{} {:.1} s",
            stage.name,
            started.elapsed().as_secs_f64()
        ));
        if !status.success() {
            say::part("stages", &times.join(", "));
            return Err(io::Error::other(format!("the stage {} failed", stage.name)));
        }
    }
    say::part("stages", &times.join(", "));
    Ok(())
}
