//! The keeper: a small process between a parent and its program.
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Runs the keeper to its end. `args` are those after `guard`:
/// `[--uid N --gid N] [--signal int] [--grace-ms N] [--remove DIR] -- program args…`
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // The keeper writes to its input, which is a socket, so that its messages do not mix with the
    // program's output.
    let Ok(line) = io::stdin().as_fd().try_clone_to_owned() else {
        return ExitCode::FAILURE;
    };
    let mut line = File::from(line);
    let result = Orders::read(args).and_then(|mut orders| keep(&mut orders, &mut line));
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(line, "failed {error}");
            ExitCode::from(127)
        }
    }
}

struct Orders {
    command: Command,
    signal: Signal,
    grace: Duration,
    remove: Option<PathBuf>,
}

impl Orders {
    fn read(args: impl IntoIterator<Item = OsString>) -> io::Result<Self> {
        let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let mut args = args.into_iter();
        let (mut uid, mut gid, mut remove) = (None, None, None);
        let (mut signal, mut grace) = (Signal::TERM, Duration::from_secs(5));
        loop {
            let option = args.next().ok_or_else(|| bad("no program given"))?;
            if option == "--" {
                break;
            }
            let value = args
                .next()
                .ok_or_else(|| bad("an option lacks its value"))?;
            let number = || value.to_str().and_then(|text| text.parse::<u32>().ok());
            match option.to_str() {
                Some("--uid") => uid = number(),
                Some("--gid") => gid = number(),
                Some("--signal") if value == "int" => signal = Signal::INT,
                Some("--grace-ms") => {
                    let millis = number().ok_or_else(|| bad("--grace-ms wants a number"))?;
                    grace = Duration::from_millis(millis.into());
                }
                Some("--remove") => remove = Some(PathBuf::from(value)),
                _ => return Err(bad("an option is unknown")),
            }
        }
        let mut command = Command::new(args.next().ok_or_else(|| bad("no program given"))?);
        command.args(args).stdin(Stdio::null()).process_group(0);
        if let (Some(uid), Some(gid)) = (uid, gid) {
            command.gid(gid).uid(uid);
        }
        Ok(Self {
            command,
            signal,
            grace,
            remove,
        })
    }
}

enum KeeperEvent {
    /// The parent has ended, or the keeper got a signal: the program must end too.
    Stop,
    /// The program has ended by itself.
    Ended,
}

fn keep(orders: &mut Orders, line: &mut File) -> io::Result<u8> {
    // Before the program starts, so that every signal has a handler.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let mut child = orders.command.spawn()?;
    let pid = Pid::from_child(&child);
    // If the parent has ended already, the next read shows it.
    let _ = writeln!(line, "started {}", child.id());
    let events = watch(pid, signals, line.try_clone()?);
    if let Ok(KeeperEvent::Stop) = events.recv() {
        let _ = kill_process_group(pid, orders.signal);
        await_end(&events, orders.grace);
    }
    // Kills the program after its grace period, and everything left in its group. The program is
    // not reaped yet, so its process group id cannot be reused.
    let _ = kill_process_group(pid, Signal::KILL);
    let code = reap(&mut child)?;
    if let Some(folder) = &orders.remove {
        let _ = fs::remove_dir_all(folder);
    }
    Ok(code)
}

/// Sends the first of: the end of input, a signal, the program's end.
fn watch(pid: Pid, mut signals: Signals, mut line: File) -> Receiver<KeeperEvent> {
    let (tell, events) = mpsc::channel();
    let on = |tell: &Sender<KeeperEvent>| tell.clone();
    let (parent, asked, ended) = (on(&tell), on(&tell), tell);
    thread::spawn(move || {
        let mut byte = [0];
        // Nothing is ever sent. An error counts as the end.
        while matches!(line.read(&mut byte), Ok(1..)) {}
        let _ = parent.send(KeeperEvent::Stop);
    });
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = asked.send(KeeperEvent::Stop);
        }
        // Keeps the handlers, so that a second signal does not end the keeper early.
        for _ in signals.forever() {}
    });
    thread::spawn(move || {
        // Leaves the zombie, so that its process id is not reused.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), options), Err(Errno::INTR)) {}
        let _ = ended.send(KeeperEvent::Ended);
    });
    events
}

fn await_end(events: &Receiver<KeeperEvent>, grace: Duration) {
    let until = Instant::now() + grace;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(KeeperEvent::Stop) => {}
            Ok(KeeperEvent::Ended)
            | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return;
            }
        }
    }
}

/// The program's exit code, or 128 plus its signal, as in shells.
fn reap(child: &mut Child) -> io::Result<u8> {
    let status = child.wait()?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
}
