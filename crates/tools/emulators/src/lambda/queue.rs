//! The events of one function: those that wait for an environment, and the answers that are awaited.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::Outcome;

/// The most that an event or an answer may have: "6 MB each for request and response (synchronous)", Lambda quotas.
pub const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// The `errorType` of an event that Lambda does not accept.
pub const REQUEST_TOO_LARGE: &str = "RequestTooLargeException";

/// Events that wait, and replies that are awaited. Any number of environments may poll it.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Invocation>,
    awaited: HashMap<String, oneshot::Sender<Outcome>>,
}

/// An event on its way to an environment.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) deadline_ms: u128,
}

impl Queue {
    /// Queues an event; the receiver gets the outcome. If the receiver is dropped before an environment has taken the
    /// event, no environment gets it.
    pub fn push(&self, event: String, timeout: Duration) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        if event.len() > MAX_PAYLOAD {
            let words = format!("Request must be smaller than {MAX_PAYLOAD} bytes.");
            let _ = sender.send(Outcome::Failed(error(REQUEST_TOO_LARGE, &words)));
            return receiver;
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let deadline_ms = (now.unwrap_or_default() + timeout).as_millis();
        let mut state = self.state();
        // Random, so that no other process can answer an invocation by guessing its id.
        let id = uuid::Uuid::new_v4().to_string();
        state.awaited.insert(id.clone(), sender);
        state.waiting.push_back(Invocation {
            id,
            event,
            deadline_ms,
        });
        drop(state);
        self.filled.notify_waiters();
        receiver
    }

    /// The event that has waited longest and is still awaited.
    pub(super) fn pop(&self) -> Option<Invocation> {
        let mut state = self.state();
        while let Some(invocation) = state.waiting.pop_front() {
            let awaited = state.awaited.get(&invocation.id);
            if awaited.is_some_and(|sender| !sender.is_closed()) {
                return Some(invocation);
            }
            state.awaited.remove(&invocation.id);
        }
        None
    }

    /// Resolves when an event is added after this was called.
    pub(super) fn filled(&self) -> tokio::sync::futures::Notified<'_> {
        self.filled.notified()
    }

    /// Fails every event that waits: there is no environment for them.
    pub fn fail_waiting(&self, why: &str) {
        while let Some(invocation) = self.pop() {
            self.settle(
                &invocation.id,
                Outcome::Failed(error("Runtime.ExitError", why)),
            );
        }
    }

    /// Answers an invocation. An answer after the deadline has no receiver any more.
    pub(super) fn settle(&self, id: &str, outcome: Outcome) {
        if let Some(sender) = self.state().awaited.remove(id) {
            let _ = sender.send(outcome);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error as Lambda reports one.
pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({ "errorType": kind, "errorMessage": message })
}
