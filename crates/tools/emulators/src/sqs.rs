//! An emulator of one standard queue of SQS and of the event source mapping that feeds a Lambda
//! function from it.
//!
//! Sources: "`SendMessage`", Amazon SQS API Reference; "Using Lambda with Amazon SQS" and "Reporting
//! batch item failures", AWS Lambda Developer Guide.
//!
//! It is more lenient than SQS in three ways. Only `SendMessage` is served over HTTP, and its
//! signature is not verified: no test has sent the request to another implementation of SQS. A
//! message is never delivered twice without a reason. And nothing expires.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

use crate::lambda::{InvocationResult, Lambda};

/// The largest `DelaySeconds`.
const MAX_DELAY: u64 = 900;

/// The largest batch of the event source mapping.
pub const BATCH: usize = 10;

/// The settings of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// `DelaySeconds` of messages that name none.
    pub delay: Duration,
    /// How long a received message is invisible.
    pub visibility: Duration,
    /// `maxReceiveCount`: a message that was received so often is moved to the dead letters.
    pub max_receives: u32,
}

/// A message.
#[derive(Clone, Debug)]
struct Stored {
    id: String,
    body: String,
    visible_at: Instant,
    receives: u32,
}

#[derive(Debug)]
struct Shared {
    options: QueueOptions,
    messages: Mutex<Vec<Stored>>,
    dead: Mutex<Vec<String>>,
    changed: Notify,
}

/// A running queue. It stops when dropped.
#[derive(Debug)]
pub struct SqsQueue {
    shared: Arc<Shared>,
    url: String,
    serving: JoinHandle<()>,
}

impl SqsQueue {
    /// Starts a queue on a free port.
    pub async fn start(options: QueueOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/000000000000/queue", listener.local_addr()?);
        let shared = Arc::new(Shared {
            options,
            messages: Mutex::default(),
            dead: Mutex::default(),
            changed: Notify::new(),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            url,
            serving,
        })
    }

    /// Its URL, as `QueueUrl` names it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a message with the delay of the queue, as a rule of `EventBridge` does.
    pub fn send(&self, body: &Value) {
        let delay = self.shared.options.delay;
        self.shared.send(body.to_string(), delay);
    }

    /// The bodies of all messages, visible or not.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        let messages = self.shared.messages();
        messages.iter().map(|one| one.body.clone()).collect()
    }

    /// The bodies of the dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<String> {
        let dead = self.shared.dead.lock();
        dead.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Receives the messages that are visible, at most a batch. Waits for the first until `until`.
    pub async fn receive(&self, until: Instant) -> Option<Value> {
        loop {
            let changed = self.shared.changed.notified();
            let (batch, next) = self.shared.take();
            if !batch.is_empty() {
                let record = |one: &Stored| {
                    json!({ "messageId": one.id, "receiptHandle": one.id, "body": one.body,
                        "attributes": { "ApproximateReceiveCount": one.receives.to_string() },
                        "eventSource": "aws:sqs" })
                };
                let records: Vec<Value> = batch.iter().map(record).collect();
                return Some(json!({ "Records": records }));
            }
            let next = next.unwrap_or(until).min(until);
            // The result does not matter: look again in any case.
            let _ = timeout_at(next, changed).await;
            if Instant::now() >= until {
                return None;
            }
        }
    }

    /// Ends the receipt of a batch as the event source mapping does: deletes its messages, except
    /// those that `answer` reports as failed. Without an answer all of them return.
    pub fn settle(&self, batch: &Value, answer: Option<&Value>) {
        let Some(answer) = answer else { return };
        let ids = |value: &Value, list: &str, id: &str| -> Vec<String> {
            let entries = value[list].as_array().cloned().unwrap_or_default();
            let ids = entries.iter().filter_map(|one| one[id].as_str());
            ids.map(str::to_owned).collect()
        };
        let failed = ids(answer, "batchItemFailures", "itemIdentifier");
        let received = ids(batch, "Records", "messageId");
        let mut messages = self.shared.messages();
        messages.retain(|one| !received.contains(&one.id) || failed.contains(&one.id));
    }

    /// Feeds `function` until this is dropped, `at_once` batches at the same time.
    pub async fn feed(self: Arc<Self>, function: Arc<Lambda>, timeout: Duration, at_once: usize) {
        let mut pollers = JoinSet::new();
        for _ in 0..at_once {
            let (queue, function) = (Arc::clone(&self), Arc::clone(&function));
            pollers.spawn(async move {
                loop {
                    let until = Instant::now() + Duration::from_secs(20);
                    let Some(batch) = queue.receive(until).await else {
                        continue;
                    };
                    match function.invoke(&batch, timeout).await {
                        InvocationResult::Answered(answer) => queue.settle(&batch, Some(&answer)),
                        InvocationResult::Failed(_) | InvocationResult::TimedOut => {
                            queue.settle(&batch, None);
                            // Lambda slows down as well.
                            sleep(Duration::from_secs(1)).await;
                        }
                    }
                }
            });
        }
        while pollers.join_next().await.is_some() {}
    }

    /// Takes all messages out of the queue, and returns their bodies.
    #[must_use]
    pub fn drain(&self) -> Vec<String> {
        self.shared
            .messages()
            .drain(..)
            .map(|one| one.body)
            .collect()
    }

    /// Replaces the body of every message, which keeps its id, for tests that move a clock.
    pub fn edit(&self, change: impl Fn(&str) -> String) {
        for message in self.shared.messages().iter_mut() {
            message.body = change(&message.body);
        }
    }

    /// Makes every delayed or received message visible, as if time had passed.
    pub fn pass_time(&self) {
        for message in self.shared.messages().iter_mut() {
            message.visible_at = Instant::now();
        }
        self.shared.changed.notify_waiters();
    }
}

impl Drop for SqsQueue {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn messages(&self) -> std::sync::MutexGuard<'_, Vec<Stored>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, body: String, delay: Duration) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        self.messages().push(Stored {
            id: id.clone(),
            body,
            visible_at: Instant::now() + delay,
            receives: 0,
        });
        self.changed.notify_waiters();
        id
    }

    /// The visible messages, and when the next one will be visible.
    fn take(&self) -> (Vec<Stored>, Option<Instant>) {
        let now = Instant::now();
        let mut messages = self.messages();
        let most = self.options.max_receives;
        let is_dead = |one: &Stored| one.visible_at <= now && one.receives >= most;
        let (dead, rest): (Vec<_>, Vec<_>) = messages.drain(..).partition(is_dead);
        *messages = rest;
        let mut letters = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        letters.extend(dead.into_iter().map(|one| one.body));
        let mut batch = Vec::new();
        for message in messages.iter_mut() {
            if message.visible_at <= now && batch.len() < BATCH {
                message.receives += 1;
                message.visible_at = now + self.options.visibility;
                batch.push(message.clone());
            }
        }
        (batch, messages.iter().map(|one| one.visible_at).min())
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let target = request.headers().get("x-amz-target").cloned();
        let signed = request.headers().contains_key("authorization");
        let body = request.into_body().collect().await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let seconds = match &body["DelaySeconds"] {
            Value::Null => Some(self.options.delay),
            given => given
                .as_u64()
                .filter(|it| *it <= MAX_DELAY)
                .map(Duration::from_secs),
        };
        let error = if !signed {
            "com.amazon.coral.service#MissingAuthenticationTokenException"
        } else if target.is_none_or(|target| target != "AmazonSQS.SendMessage") {
            "com.amazonaws.sqs#UnsupportedOperation"
        } else if let (Some(delay), Some(text)) = (seconds, body["MessageBody"].as_str()) {
            let id = self.send(text.to_owned(), delay);
            return reply(StatusCode::OK, &json!({ "MessageId": id }));
        } else {
            "com.amazonaws.sqs#InvalidParameterValue"
        };
        reply(StatusCode::BAD_REQUEST, &json!({ "__type": error }))
    }
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
