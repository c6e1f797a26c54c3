//! Child processes that never outlive their parent, however it ends.
//!
//! We start our own program as a *keeper*, with one end of a socket as its standard input. The
//! keeper starts the program in a process group of its own. When the parent ends, even by `kill
//! -9`, the kernel closes its end of the socket. The keeper then reads the end of its input, and
//! stops the program. `PR_SET_PDEATHSIG` would be shorter, but it fires when the thread that set it
//! ends, is lost on a change of uid, and exists only on Linux.
mod keeper;
mod program;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

pub use keeper::main;
pub use program::{Program, User};

/// Starts programs under a keeper.
#[derive(Debug, Clone)]
pub struct Guard {
    exe: PathBuf,
}

impl Guard {
    /// A guard whose keepers are `exe guard …`. That program must call [`main`] with the arguments
    /// after `guard`.
    pub fn new(exe: impl Into<PathBuf>) -> Self {
        Self { exe: exe.into() }
    }

    /// A guard whose keepers are this program, which must handle `guard`.
    pub fn this() -> io::Result<Self> {
        // The link stays valid when a rebuild replaces the file.
        let link = Path::new("/proc/self/exe");
        if link.exists() {
            return Ok(Self::new(link));
        }
        Ok(Self::new(std::env::current_exe()?))
    }

    /// Starts `program`. It runs when this returns.
    pub fn spawn(&self, program: Program) -> io::Result<Guarded> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&self.exe);
        command
            .arg0("slipway-guard")
            .arg("guard")
            .args(program.orders())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .process_group(0);
        let name = program.prepare(&mut command);
        let mut keeper = command.spawn()?;
        // It holds the keeper's end of the socket, which would hide the keeper's death.
        drop(command);
        match first_word(&ours, &name) {
            Ok(pid) => Ok(Guarded {
                keeper,
                line: Some(ours),
                pid,
            }),
            Err(error) => {
                drop(ours);
                keeper.wait()?;
                Err(error)
            }
        }
    }
}

/// Reads whether the keeper has started the program.
fn first_word(line: &UnixStream, name: &OsString) -> io::Result<i32> {
    let mut word = String::new();
    BufReader::new(line).read_line(&mut word)?;
    let name = name.display();
    if let Some(reason) = word.strip_prefix("failed ") {
        return Err(io::Error::other(format!(
            "cannot start {name}: {}",
            reason.trim_end()
        )));
    }
    word.strip_prefix("started ")
        .and_then(|pid| pid.trim_end().parse().ok())
        .ok_or_else(|| io::Error::other(format!("the guard of {name} ended before it began")))
}

/// A running program. Dropping it stops the program and waits for its end.
#[derive(Debug)]
pub struct Guarded {
    keeper: Child,
    line: Option<UnixStream>,
    pid: i32,
}

impl Guarded {
    /// The process id of the program, which is also its group's.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The output of the program if it is piped; only once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.keeper.stdout.take()
    }

    /// The error output of the program if it is piped; only once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.keeper.stderr.take()
    }

    /// The exit status of the program if it has ended. A signal is code 128 plus its number.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.keeper.try_wait()?;
        if let Some(status) = status {
            self.sweep(status);
        }
        Ok(status)
    }

    /// Stops the program with its signal, and with `SIGKILL` after its grace period.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.line = None;
        let status = self.keeper.wait()?;
        self.sweep(status);
        Ok(status)
    }

    /// If the keeper was killed, we must end the program.
    fn sweep(&self, keeper: ExitStatus) {
        if keeper.signal().is_some()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
