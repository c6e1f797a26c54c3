//! The lane of stages that runs next to the tests, in a process of its own.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use slipway_emulators::guard::{Guard, Guarded, Program};

use crate::say;
use crate::workspace;

/// A running `cargo dev test STAGE…`. It ends with this program.
pub(super) struct Beside {
    stages: String,
    output: PathBuf,
    running: Guarded,
}

impl Beside {
    /// Starts the stages. Their output goes to a file, so that it does not mix with ours.
    pub(super) fn start(stages: &[&str], state: &Path) -> io::Result<Self> {
        fs::create_dir_all(state)?;
        let output = state.join("beside.log");
        let file = File::create(&output)?;
        let program = Program::new(workspace::program()?)
            .args(["--state".as_ref(), state.as_os_str()])
            .args(["test"])
            .args(stages)
            .current_dir(workspace::root())
            .stdout(file.try_clone()?)
            .stderr(file);
        let running = Guard::this()?.spawn(program)?;
        let stages = stages.join(", ");
        say::part("beside", &format!("{stages}: {}", output.display()));
        Ok(Self {
            stages,
            output,
            running,
        })
    }

    /// Waits for the end and prints the output. Fails if a stage failed.
    pub(super) fn join(mut self) -> io::Result<()> {
        say::part("beside", &format!("waiting for {}", self.stages));
        let status = loop {
            if let Some(status) = self.running.try_wait()? {
                break status;
            }
            thread::sleep(Duration::from_millis(200));
        };
        say::line(&String::from_utf8_lossy(&fs::read(&self.output)?));
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "of the stages {}, one failed ({status}); its output is above and in {}",
            self.stages,
            self.output.display()
        )))
    }
}
