//! The Lambda runtime API as our instances see it: the emulator's, and what it lacks.
//!
//! The emulator forgets whom it gave a request to, so that a client of a
//! function that dies waits forever; it sets every deadline in 1970; and it
//! hands a failure's text to the client. Standing between, we know who has
//! which request, and answer for the dead as API Gateway does.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::http;
use crate::say;

/// How long a request may take, as long as API Gateway waits.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What API Gateway answers for a function that failed, and never why.
pub(super) const FAILED: &str = r#"{"message":"Internal Server Error"}"#;

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const DEADLINE: &str = "lambda-runtime-deadline-ms";

/// A process of a function, as far as its requests go.
#[derive(Debug)]
pub(super) struct Caller {
    function: String,
    polled: AtomicBool,
    request: Mutex<Option<(String, Instant)>>,
}

impl Caller {
    /// Whether it has asked for work: its start is done.
    pub(super) fn polled(&self) -> bool {
        self.polled.load(Ordering::Relaxed)
    }

    /// Since when it works on a request.
    pub(super) fn busy_since(&self) -> Option<Instant> {
        self.request().as_ref().map(|(_, since)| *since)
    }

    fn request(&self) -> MutexGuard<'_, Option<(String, Instant)>> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server between the instances and the emulator.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    emulator: u16,
    port: u16,
    callers: Callers,
    next: AtomicU64,
    accepting: JoinHandle<()>,
}

type Callers = Arc<Mutex<HashMap<u64, Arc<Caller>>>>;

impl RuntimeApi {
    /// Begins to serve, in front of the emulator on its port.
    pub(super) async fn start(emulator: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let callers = Callers::default();
        let accepting = tokio::spawn(accept(listener, emulator, Arc::clone(&callers)));
        Ok(Self {
            emulator,
            port,
            callers,
            next: AtomicU64::new(1),
            accepting,
        })
    }

    /// Where the emulator is.
    pub(super) fn emulator(&self) -> u16 {
        self.emulator
    }

    /// Makes room for a new instance; returns its `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn enrol(&self, function: &str) -> (u64, String, Arc<Caller>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let caller = Arc::new(Caller {
            function: function.to_owned(),
            polled: AtomicBool::new(false),
            request: Mutex::new(None),
        });
        lock(&self.callers).insert(id, Arc::clone(&caller));
        (id, format!("http://127.0.0.1:{}/{id}", self.port), caller)
    }

    /// Forgets an instance that has ended, and answers what it left unanswered.
    pub(super) async fn bury(&self, id: u64) {
        let Some(caller) = lock(&self.callers).remove(&id) else {
            return;
        };
        let request = caller.request().take();
        if let Some((request, _)) = request {
            let path = format!(
                "/.rt/{}/2018-06-01/runtime/invocation/{request}/error",
                caller.function
            );
            let _ = http::post(self.emulator, &path, FAILED).await;
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(callers: &Callers) -> MutexGuard<'_, HashMap<u64, Arc<Caller>>> {
    callers.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, emulator: u16, callers: Callers) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(serve(stream, emulator, Arc::clone(&callers)));
    }
}

async fn serve(stream: TcpStream, emulator: u16, callers: Callers) {
    let service = service_fn(|request: Request<Incoming>| async {
        let answer = answer(request, emulator, &callers).await;
        Ok::<_, Infallible>(answer.unwrap_or_else(|error| {
            let mut response = Response::new(Full::new(error.to_string().into()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }))
    });
    // An instance that dies ends its connection in the middle.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    emulator: u16,
    callers: &Callers,
) -> io::Result<Response<Full<Bytes>>> {
    let path = request.uri().path().to_owned();
    let (id, rest) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or_default();
    let caller = id
        .parse()
        .ok()
        .and_then(|id| lock(callers).get(&id).cloned());
    let caller = caller.ok_or_else(|| io::Error::other("no such instance"))?;
    if rest.ends_with("/invocation/next") {
        return next(emulator, &caller).await;
    }
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?
        .to_bytes();
    if rest.ends_with("/init/error") {
        // The emulator would answer whichever request is first in line with this.
        say::part(
            &caller.function,
            &format!("did not start: {}", reason(&body)),
        );
        return Ok(accepted());
    }
    let body = if rest.ends_with("/error") {
        say::part(&caller.function, &format!("failed: {}", reason(&body)));
        Bytes::from_static(FAILED.as_bytes())
    } else {
        body
    };
    caller.request().take();
    // It refuses answers to clients that have gone, which is not the function's fault.
    http::post(emulator, &format!("/.rt/{}/{rest}", caller.function), body).await?;
    Ok(accepted())
}

/// Waits for a request, also while the emulator is away.
async fn next(emulator: u16, caller: &Caller) -> io::Result<Response<Full<Bytes>>> {
    caller.polled.store(true, Ordering::Relaxed);
    loop {
        let path = format!(
            "/.rt/{}/2018-06-01/runtime/invocation/next",
            caller.function
        );
        let request = Request::get(path)
            .body(Full::default())
            .map_err(io::Error::other)?;
        let mut response = match http::send(emulator, request).await {
            Ok(response) if response.status() == StatusCode::OK => response,
            // Its queue may not exist before the first request.
            _ => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let headers = response.headers_mut();
        if let Some(id) = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()) {
            *caller.request() = Some((id.to_owned(), Instant::now()));
        }
        headers.insert(DEADLINE, deadline()?);
        // The body is sent anew, in one piece.
        headers.remove(hyper::header::TRANSFER_ENCODING);
        return Ok(response.map(Full::new));
    }
}

fn deadline() -> io::Result<HeaderValue> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let at = now.map_err(io::Error::other)? + TIME_LIMIT;
    HeaderValue::from_str(&at.as_millis().to_string()).map_err(io::Error::other)
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn reason(body: &[u8]) -> String {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = error["errorMessage"].as_str().map(ToOwned::to_owned);
    text.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}
