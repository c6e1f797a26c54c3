//! Child processes that never outlive their parent, however it ends.
//!
//! We start ourselves as a *keeper*, with one end of a socket as its standard
//! input; the keeper starts the program, in a process group of its own. When
//! the parent goes away, even by `kill -9`, the kernel closes its end, the
//! keeper reads the end of its input and stops the program. `PR_SET_PDEATHSIG`
//! would be shorter, but it dies with the thread that set it, is lost on a
//! change of uid, and is Linux alone.
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
    /// A guard whose keepers are `exe guard …`: a program that calls [`main`]
    /// with everything after that word.
    pub fn new(exe: impl Into<PathBuf>) -> Self {
        Self { exe: exe.into() }
    }

    /// A guard whose keepers are this very program, which must answer `guard`.
    pub fn this() -> io::Result<Self> {
        // The link survives a rebuild that replaces the file under our feet.
        let link = Path::new("/proc/self/exe");
        if link.exists() {
            return Ok(Self::new(link));
        }
        Ok(Self::new(std::env::current_exe()?))
    }

    /// Starts `program`; it runs when this returns.
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
        // Holds the keeper's end of the socket, and would hide its death.
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

/// What the keeper says once the program runs, or could not be started.
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
    /// The program's process id, which is also its group's.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The program's output, when it was asked to be piped; once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.keeper.stdout.take()
    }

    /// The program's errors, when they were asked to be piped; once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.keeper.stderr.take()
    }

    /// How the program ended, if it has; a signal shows as code 128 + its number.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.keeper.try_wait()?;
        if let Some(status) = status {
            self.sweep(status);
        }
        Ok(status)
    }

    /// Stops the program: its signal, then after its grace `SIGKILL`.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        self.line = None;
        let status = self.keeper.wait()?;
        self.sweep(status);
        Ok(status)
    }

    /// A keeper that was itself killed has left the program to us.
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
