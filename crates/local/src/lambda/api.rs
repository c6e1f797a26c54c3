//! The runtime API: `next`, `response`, `error`.
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;

use super::Outcome;

/// Events that wait, and replies that are awaited.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Notify,
    /// How many polls wait.
    polls: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Invocation>,
    awaited: HashMap<String, oneshot::Sender<Outcome>>,
    count: u64,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: String,
    deadline_ms: u128,
}

impl Queue {
    /// Queues an event; the receiver gets what the function makes of it.
    pub(super) fn push(&self, event: String, timeout: Duration) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let deadline_ms = (now.unwrap_or_default() + timeout).as_millis();
        let mut state = self.state();
        state.count += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", state.count);
        state.awaited.insert(id.clone(), sender);
        state.waiting.push_back(Invocation {
            id,
            event,
            deadline_ms,
        });
        drop(state);
        self.filled.notify_one();
        receiver
    }

    /// Returns once the function asks for work.
    pub(super) async fn polled(&self) {
        // Its sender is in `self`.
        let _ = self.polls.subscribe().wait_for(|polls| *polls > 0).await;
    }

    async fn next(&self) -> Invocation {
        let _poll = Poll::begin(&self.polls);
        loop {
            // Its own statement: the lock must be gone before the wait.
            let invocation = self.state().waiting.pop_front();
            if let Some(invocation) = invocation {
                return invocation;
            }
            self.filled.notified().await;
        }
    }

    fn settle(&self, id: &str, outcome: Outcome) {
        if let Some(sender) = self.state().awaited.remove(id) {
            // Nobody waits any more where the deadline has passed.
            let _ = sender.send(outcome);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A poll under way; a process that is killed at it ends it too.
struct Poll<'a>(&'a watch::Sender<usize>);

impl<'a> Poll<'a> {
    fn begin(polls: &'a watch::Sender<usize>) -> Self {
        polls.send_modify(|polls| *polls += 1);
        Self(polls)
    }
}

impl Drop for Poll<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|polls| *polls -= 1);
    }
}

/// Serves the API until it is aborted.
pub(super) async fn serve(listener: TcpListener, queue: Arc<Queue>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let queue = Arc::clone(&queue);
        let service = service_fn(move |request| {
            let queue = Arc::clone(&queue);
            async move { Ok::<_, Infallible>(answer(&queue, request).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(queue: &Queue, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let path: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
    match (&parts.method, path.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => {
            next(queue.next().await).unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, what]) => {
            let Ok(body) = body.collect().await else {
                return empty(StatusCode::BAD_REQUEST);
            };
            let value = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
            match *what {
                "response" => queue.settle(id, Outcome::Answered(value)),
                _ => queue.settle(id, Outcome::Failed(value)),
            }
            empty(StatusCode::ACCEPTED)
        }
        // `init/error`: the process ends next, and that is seen.
        (&Method::POST, _) => empty(StatusCode::ACCEPTED),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn next(invocation: Invocation) -> http::Result<Response<Full<Bytes>>> {
    Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", &invocation.id)
        .header(
            "Lambda-Runtime-Deadline-Ms",
            invocation.deadline_ms.to_string(),
        )
        .header(
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:000000000000:function:function",
        )
        .header(
            "Lambda-Runtime-Trace-Id",
            "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0",
        )
        .header("Content-Type", "application/json")
        .body(Full::new(Bytes::from(invocation.event)))
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
