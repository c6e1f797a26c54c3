//! Telling the person at the terminal what happens.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// One line. A terminal that is gone is no reason to stop.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// What a part of the stack says, in a column.
pub(crate) fn part(name: &str, text: &str) {
    line(&format!("{name:<14} {text}"));
}

/// Does something silent, and says how long it took, or every ten seconds that it goes on.
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

/// What is done, and since when it was under way.
pub(crate) fn took(name: &str, what: &str, since: Instant) {
    part(
        name,
        &format!("{what} ({:.1} s)", since.elapsed().as_secs_f64()),
    );
}
