//! How long something was waited for, however many waits overlapped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Adds up the time in which at least one wait was under way. Clones share the sum.
#[derive(Clone, Debug, Default)]
pub struct BusyClock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waits: u32,
    since: Option<Instant>,
    total: Duration,
}

/// One wait; it ends when this is dropped, as it is where a call is given up half way.
#[derive(Debug)]
pub struct Wait(BusyClock);

impl BusyClock {
    /// Begins a wait.
    #[must_use]
    pub fn wait(&self) -> Wait {
        let mut state = self.state();
        state.waits += 1;
        state.since.get_or_insert_with(Instant::now);
        Wait(self.clone())
    }

    /// The sum so far, of waits that have ended and those under way.
    #[must_use]
    pub fn total(&self) -> Duration {
        let state = self.state();
        state.total + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic.
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
            "one is under way"
        );
        drop(second);
        let (total, elapsed) = (clock.total(), started.elapsed());
        assert!(total >= Duration::from_millis(20) && total <= elapsed);
        sleep(Duration::from_millis(5));
        assert_eq!(clock.total(), total, "nobody waits");
    }
}
