//! Messages for the terminal.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Prints one line. A closed terminal is not an error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a message of a part of the stack, in columns.
pub(crate) fn part(name: &str, text: &str) {
    line(&format!("{name:<14} {text}"));
}

/// Runs work without output, and prints how long it took. Prints progress every ten seconds.
pub(crate) fn step<T>(
    name: &str,
    what: &str,
    work: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let started = Instant::now();
    let (done, waiting) = mpsc::channel::<()>();
    let (part_name, text) = (name.to_owned(), what.to_owned());
    let ticker = thread::spawn(move || {
        while waiting.recv_timeout(Duration::from_secs(10)) == Err(RecvTimeoutError::Timeout) {
            part(
                &part_name,
                &format!("{text}: {} s …", started.elapsed().as_secs()),
            );
        }
    });
    let result = work();
    drop(done);
    let _ = ticker.join();
    result.inspect(|_| took(name, what, started))
}

/// Prints that a step is done, and its duration since `start`.
pub(crate) fn took(name: &str, what: &str, since: Instant) {
    part(
        name,
        &format!("{what} ({:.1} s)", since.elapsed().as_secs_f64()),
    );
}
