//! The runtime API of one execution environment: `next`, `response`, `error`.
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::InvocationResult;
use super::queue::{MAX_PAYLOAD, Queue, QueuedInvocation, error};
use crate::gateway::is_local_host;
use crate::guard::Program;

/// A step of an environment, for a caller that measures or reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeStep<'a> {
    /// It polls for an event.
    Polled,
    /// It receives an event.
    Given,
    /// It responds with these bytes.
    Answered(&'a [u8]),
    /// It reports that an invocation failed.
    Failed(&'a [u8]),
    /// It reports that its init failed.
    NotStarted(&'a [u8]),
}

/// Called at each step, before the environment receives its reply.
pub type RuntimeObserver = Arc<dyn Fn(RuntimeStep<'_>) + Send + Sync>;

/// The runtime API for one process. It stops when dropped.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    environment: Arc<EnvironmentState>,
    serving: JoinHandle<()>,
}

struct EnvironmentState {
    queue: Arc<Queue>,
    /// The number of waiting polls.
    polls: watch::Sender<usize>,
    work: Mutex<Work>,
    observer: Option<RuntimeObserver>,
}

/// Locked before the queue, so that a retired environment can never take an event.
#[derive(Debug, Default)]
struct Work {
    retired: bool,
    current: Option<(String, Instant)>,
}

impl RuntimeApi {
    /// Serves the events of `queue` to one process.
    pub async fn start(queue: &Arc<Queue>, observer: Option<RuntimeObserver>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let environment = Arc::new(EnvironmentState {
            queue: Arc::clone(queue),
            polls: watch::Sender::default(),
            work: Mutex::default(),
            observer,
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&environment)));
        Ok(Self {
            address,
            environment,
            serving,
        })
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the variables that Lambda sets for a function.
    #[must_use]
    pub fn describe(&self, program: Program, name: &str, megabytes: u32) -> Program {
        program
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes.to_string())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
    }

    /// Waits until the process polls.
    pub async fn polled(&self) {
        let mut polls = self.environment.polls.subscribe();
        // The sender is in `self`, so waiting cannot fail.
        let _ = polls.wait_for(|polls| *polls > 0).await;
    }

    /// Whether the process is polling at this moment.
    #[must_use]
    pub fn is_polling(&self) -> bool {
        *self.environment.polls.borrow() > 0
    }

    /// When the process received its current event.
    #[must_use]
    pub fn busy_since(&self) -> Option<Instant> {
        self.environment
            .work()
            .current
            .as_ref()
            .map(|(_, since)| *since)
    }

    /// Sends the process no further event. It can be stopped without loss once it is not busy.
    pub fn retire(&self) {
        self.environment.work().retired = true;
    }

    /// Fails the event of a process that has ended, as Lambda does (`Runtime.ExitError`).
    pub fn abandon(&self, why: &str) {
        let current = self.environment.work().current.take();
        if let Some((id, _)) = current {
            let failed = InvocationResult::Failed(error("Runtime.ExitError", why));
            self.environment.queue.settle(&id, failed);
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for EnvironmentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentState")
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

impl EnvironmentState {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, step: RuntimeStep<'_>) {
        if let Some(observer) = &self.observer {
            observer(step);
        }
    }

    async fn next(&self) -> QueuedInvocation {
        let _poll = Poll::begin(&self.polls);
        self.observe(RuntimeStep::Polled);
        loop {
            let filled = self.queue.filled();
            if let Some(invocation) = self.take() {
                self.observe(RuntimeStep::Given);
                return invocation;
            }
            filled.await;
        }
    }

    fn take(&self) -> Option<QueuedInvocation> {
        let mut work = self.work();
        if work.retired {
            return None;
        }
        let invocation = self.queue.pop()?;
        work.current = Some((invocation.id.clone(), Instant::now()));
        Some(invocation)
    }

    fn respond(&self, id: &str, body: &[u8]) -> StatusCode {
        self.observe(RuntimeStep::Answered(body));
        self.done(id);
        if body.len() > MAX_PAYLOAD {
            let words = format!(
                "Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."
            );
            let failed = error("Function.ResponseSizeTooLarge", &words);
            self.queue.settle(id, InvocationResult::Failed(failed));
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        let value = serde_json::from_slice(body).unwrap_or(Value::Null);
        self.queue.settle(id, InvocationResult::Answered(value));
        StatusCode::ACCEPTED
    }

    fn fail(&self, id: &str, body: &[u8]) -> StatusCode {
        self.observe(RuntimeStep::Failed(body));
        self.done(id);
        let value = serde_json::from_slice(body).unwrap_or(Value::Null);
        self.queue.settle(id, InvocationResult::Failed(value));
        StatusCode::ACCEPTED
    }

    fn done(&self, id: &str) {
        self.work().current.take_if(|(current, _)| current == id);
    }
}

/// A running poll. If the process is killed, the poll ends.
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

async fn serve(listener: TcpListener, environment: Arc<EnvironmentState>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Otherwise the kernel delays the second packet of an event until the first is
        // acknowledged.
        let _ = stream.set_nodelay(true);
        let environment = Arc::clone(&environment);
        let service = service_fn(move |request| {
            let environment = Arc::clone(&environment);
            async move { Ok::<_, Infallible>(answer(&environment, request).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    environment: &EnvironmentState,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    // Events contain tokens. A page that resolves its own host name to this address sends that name
    // as the host, and browsers mark every request of a page. A runtime sends neither.
    let from_page = ["origin", "sec-fetch-site"]
        .iter()
        .any(|name| parts.headers.contains_key(*name));
    if from_page || !is_local_host(&parts.headers) {
        return empty(StatusCode::FORBIDDEN);
    }
    let path: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
    if path.first().copied() != Some("2018-06-01") {
        return empty(StatusCode::NOT_FOUND);
    }
    if let (&Method::GET, ["runtime", "invocation", "next"]) = (&parts.method, &path[1..]) {
        let given = given(environment.next().await);
        return given.unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let Ok(body) = body.collect().await else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let body = body.to_bytes();
    empty(match (&parts.method, &path[1..]) {
        (&Method::POST, ["runtime", "invocation", id, "response"]) => {
            environment.respond(id, &body)
        }
        (&Method::POST, ["runtime", "invocation", id, "error"]) => environment.fail(id, &body),
        // The process ends next.
        (&Method::POST, ["runtime", "init", "error"]) => {
            environment.observe(RuntimeStep::NotStarted(&body));
            StatusCode::ACCEPTED
        }
        _ => StatusCode::NOT_FOUND,
    })
}

fn given(invocation: QueuedInvocation) -> http::Result<Response<Full<Bytes>>> {
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
