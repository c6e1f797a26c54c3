//! The steps of a function as its proxies observe them. A test can hold the function at one of
//! them.

use std::sync::{Arc, Mutex, MutexGuard};

use slipway_testkit::{Direction, HttpObserver, Passing};
use tokio::sync::watch;

/// A statement, before Postgres receives it.
pub(crate) const TO_POSTGRES: &str = "to Postgres";

/// All messages from and to the function, in order.
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

/// The step at which the function is held.
#[derive(Clone, Copy)]
pub(crate) enum Hold {
    /// The step of this number, counted from 1.
    At(usize),
    /// The first step of this name.
    On(&'static str),
}

impl Steps {
    /// Starts counting, and holds the function at `hold`.
    pub(crate) fn begin(&self, hold: Option<Hold>) {
        *self.state() = State {
            seen: Vec::new(),
            hold,
        };
        self.held.send_replace(false);
        self.released.send_replace(false);
    }

    /// Records a step. Returns when the message may be passed on.
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

    /// An observer of the requests to `server`.
    pub(crate) fn observer(self: &Arc<Self>, server: &'static str) -> HttpObserver {
        let steps = Arc::clone(self);
        Arc::new(move |passing, head| {
            let (step, steps) = (of_http(server, passing, head), Arc::clone(&steps));
            Box::pin(async move { steps.reach(step).await })
        })
    }

    /// Waits until the function is held.
    pub(crate) async fn held(&self) {
        let _ = self.held.subscribe().wait_for(|held| *held).await;
    }

    /// Lets the function continue.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    /// The steps since [`Steps::begin`].
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic with the lock")
    }
}

/// The step of these bytes. A login is not a step, since it changes nothing.
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

/// The step of a request to `server`, such as S3, or of its response.
fn of_http(server: &str, passing: Passing, head: &str) -> String {
    let method = head.split(' ').next().unwrap_or_default();
    match passing {
        Passing::Request => format!("to {server} {method}"),
        Passing::Response => format!("from {server} {method}"),
    }
}
