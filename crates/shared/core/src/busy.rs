//! Measures how long a request waits for S3 or Postgres. Overlapping waits count once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sums up the time in which at least one wait was running. Clones share the sum.
#[derive(Clone, Debug, Default)]
pub struct BusyClock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waits: u32,
    since: Option<Instant>,
    total: Duration,
}

/// The time that a process or a request has waited for each store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// S3.
    pub s3: Duration,
    /// Postgres.
    pub postgres: Duration,
}

/// One wait. It ends when it is dropped, also when a call is aborted.
#[derive(Debug)]
pub struct Wait(BusyClock);

impl BusyClock {
    /// Starts a wait.
    #[must_use]
    pub fn wait(&self) -> Wait {
        let mut state = self.state();
        state.waits += 1;
        state.since.get_or_insert_with(Instant::now);
        Wait(self.clone())
    }

    /// The sum so far, including waits that are running.
    #[must_use]
    pub fn total(&self) -> Duration {
        let state = self.state();
        state.total + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waits = state.waits.saturating_sub(1);
        if state.waits == 0
            && let Some(since) = state.since.take()
        {
            state.total += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    #[test]
    fn overlapping_waits_count_once() {
        let clock = BusyClock::default();
        let started = Instant::now();
        let (first, second) = (clock.wait(), clock.wait());
        sleep(Duration::from_millis(20));
        drop(first);
        assert!(
            clock.total() >= Duration::from_millis(20),
            "the second wait is running"
        );
        drop(second);
        let (total, elapsed) = (clock.total(), started.elapsed());
        assert!(total >= Duration::from_millis(20) && total <= elapsed);
        sleep(Duration::from_millis(5));
        assert_eq!(clock.total(), total, "no wait is running");
    }
}
