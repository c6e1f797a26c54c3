//! The queue of one function: waiting events, and responses that callers wait for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use super::InvocationResult;

/// The largest event or response: "6 MB each for request and response (synchronous)", Lambda
/// quotas.
pub const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// The `errorType` of an event that Lambda refuses.
pub const REQUEST_TOO_LARGE: &str = "RequestTooLargeException";

/// Waiting events, and responses that callers wait for. Any number of environments may poll it.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<QueueState>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<QueuedInvocation>,
    awaited: HashMap<String, oneshot::Sender<InvocationResult>>,
}

/// An event for an environment.
#[derive(Debug)]
pub(super) struct QueuedInvocation {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) deadline_ms: u128,
}

impl Queue {
    /// Queues an event. The receiver gets the result. If the receiver is dropped before an
    /// environment has taken the event, no environment gets it.
    pub fn push(&self, event: String, timeout: Duration) -> oneshot::Receiver<InvocationResult> {
        let (sender, receiver) = oneshot::channel();
        if event.len() > MAX_PAYLOAD {
            let words = format!("Request must be smaller than {MAX_PAYLOAD} bytes.");
            let _ = sender.send(InvocationResult::Failed(error(REQUEST_TOO_LARGE, &words)));
            return receiver;
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let deadline_ms = (now.unwrap_or_default() + timeout).as_millis();
        let mut state = self.state();
        // Random, so that no other process can respond to an invocation by guessing its id.
        let id = uuid::Uuid::new_v4().to_string();
        state.awaited.insert(id.clone(), sender);
        state.waiting.push_back(QueuedInvocation {
            id,
            event,
            deadline_ms,
        });
        drop(state);
        self.filled.notify_waiters();
        receiver
    }

    /// The oldest waiting event whose caller still waits.
    pub(super) fn pop(&self) -> Option<QueuedInvocation> {
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

    /// Resolves when an event is added after this call.
    pub(super) fn filled(&self) -> tokio::sync::futures::Notified<'_> {
        self.filled.notified()
    }

    /// Fails every waiting event, since there is no environment for them.
    pub fn fail_waiting(&self, why: &str) {
        while let Some(invocation) = self.pop() {
            self.settle(
                &invocation.id,
                InvocationResult::Failed(error("Runtime.ExitError", why)),
            );
        }
    }

    /// Sends the result to the caller. After the deadline there is no caller any more.
    pub(super) fn settle(&self, id: &str, outcome: InvocationResult) {
        if let Some(sender) = self.state().awaited.remove(id) {
            let _ = sender.send(outcome);
        }
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error in Lambda's format.
pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({ "errorType": kind, "errorMessage": message })
}
