//! The steps of a function, as its proxies see them, and holding it at one.

use std::sync::{Mutex, MutexGuard};

use slipway_testkit::Direction;
use tokio::sync::watch;

/// A statement on its way to Postgres.
pub(crate) const TO_POSTGRES: &str = "to Postgres";

/// Everything that goes out or comes back, in order.
#[derive(Default)]
pub(crate) struct Steps {
    state: Mutex<State>,
    held: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    seen: Vec<String>,
    hold: Option<Hold>,
}

/// Where the function is held.
#[derive(Clone, Copy)]
pub(crate) enum Hold {
    /// At this step, counted from 1.
    At(usize),
    /// At the first of this name.
    On(&'static str),
}

impl Steps {
    /// Counts from now on, and holds whoever comes to `hold`.
    pub(crate) fn begin(&self, hold: Option<Hold>) {
        *self.state() = State {
            seen: Vec::new(),
            hold,
        };
        self.held.send_replace(false);
        self.released.send_replace(false);
    }

    /// A proxy passes something on: it returns when that may go.
    pub(crate) async fn reach(&self, step: String) {
        let held = {
            let mut state = self.state();
            state.seen.push(step);
            let (count, name) = (state.seen.len(), state.seen.last());
            let held = match state.hold {
                Some(Hold::At(at)) => at == count,
                Some(Hold::On(wanted)) => name.is_some_and(|name| name == wanted),
                None => false,
            };
            if held {
                state.hold = None;
            }
            held
        };
        if held {
            self.held.send_replace(true);
            let _ = self
                .released
                .subscribe()
                .wait_for(|released| *released)
                .await;
        }
    }

    /// Returns once the function is held.
    pub(crate) async fn held(&self) {
        let _ = self.held.subscribe().wait_for(|held| *held).await;
    }

    /// Lets go.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    /// What was seen since it began.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked here")
    }
}

/// The step that these bytes are. Logging in is none: it changes nothing.
pub(crate) fn of_postgres(direction: Direction, bytes: &[u8]) -> Option<String> {
    let committed = b"COMMIT\0";
    match direction {
        // A simple query, or one with parameters.
        Direction::ToServer => {
            matches!(bytes.first(), Some(b'Q' | b'P')).then(|| TO_POSTGRES.to_owned())
        }
        Direction::ToClient => bytes
            .windows(committed.len())
            .any(|part| part == committed)
            .then(|| "from Postgres".to_owned()),
    }
}
