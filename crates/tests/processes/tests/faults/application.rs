//! The application that gets the webhooks, and the queue of `notify`, each behind a proxy.
//!
//! The queue has a message for each of two changes: one that is recorded, and one that
//! `record-upload` records only after the fault. No schedule helps: when the queue is empty, every
//! event must have been delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use slipway_emulators::capture;
use slipway_emulators::lambda::InvocationResult;
use slipway_emulators::sqs::{QueueOptions, SqsQueue};
use slipway_emulators::webhook::{WebhookDelivery, WebhookReceiver};
use slipway_testkit::HttpProxy;
use tokio::time::Instant;

use crate::scene::{Scene, record};
use crate::steps::Steps;
use crate::uploads::bucket;
use crate::world::{AMPLE, World};

const SECRET: &str = "whsec_pwQVHW9VJNcDYnEWc3nRbHGAvyKAl3EnQPZsvbpqKBo=";

/// Longer than a lease, the first retries, and the time for which a message that was received is
/// invisible.
const PASSED: Duration = Duration::from_mins(10);

/// More than the messages need after a fault.
const ROUNDS: usize = 10;

/// All events are due again, as if none had been sent.
pub(crate) const FORGET: &str = "\
UPDATE webhook_events
SET due_at = now(), attempts = 0, first_attempt_at = NULL, outcome = NULL, ended_at = NULL, problem = NULL;
DELETE FROM webhook_wake";

pub(crate) struct Application {
    receiver: Mutex<WebhookReceiver>,
    queue: SqsQueue,
    /// In front of the application.
    pub(crate) webhook: HttpProxy,
    /// In front of the queue, for the messages that `notify` sends.
    pub(crate) sqs: HttpProxy,
}

impl Application {
    pub(crate) async fn start(scene: &Scene, steps: &Arc<Steps>) -> Self {
        capture::environment([("WEBHOOK_SECRET", SECRET)]);
        let queue = SqsQueue::start(QueueOptions {
            delay: Duration::ZERO,
            visibility: Duration::from_mins(6),
            max_receives: 300,
        });
        let queue = queue.await.expect("a queue");
        for file in [&scene.kept, &scene.fresh] {
            queue.send(&file.event.to_eventbridge());
        }
        let receiver = WebhookReceiver::start(SECRET)
            .await
            .expect("an application");
        let (webhook, _) = split(&receiver.url());
        let (sqs, _) = split(queue.url());
        Self {
            webhook: HttpProxy::observed(&webhook, steps.observer("the application")),
            sqs: HttpProxy::observed(&sqs, steps.observer("SQS")),
            receiver: Mutex::new(receiver),
            queue,
        }
    }

    /// The variables of `notify`, with the proxies.
    pub(crate) fn variables(&self) -> [(String, String); 3] {
        let through = |proxy: &HttpProxy, url: &str| proxy.endpoint() + &split(url).1;
        let webhook = through(&self.webhook, &self.receiver().url());
        [
            ("WEBHOOK_URL".to_owned(), webhook),
            ("WEBHOOK_SECRET".to_owned(), SECRET.to_owned()),
            (
                "WEBHOOK_QUEUE_URL".to_owned(),
                through(&self.sqs, self.queue.url()),
            ),
        ]
    }

    pub(crate) fn open(&self) {
        self.webhook.open();
        self.sqs.open();
    }

    pub(crate) fn heal(&self) {
        self.webhook.heal();
        self.sqs.heal();
    }

    /// The messages of the queue that are visible now.
    pub(crate) async fn messages(&self) -> Option<Value> {
        self.queue.receive(Instant::now()).await
    }

    /// Deletes the messages that were processed.
    pub(crate) fn settle(&self, messages: &Value, outcome: &InvocationResult) {
        if let InvocationResult::Answered(answer) = outcome {
            self.queue.settle(messages, Some(answer));
        }
    }

    /// The deliveries since the last call.
    pub(crate) fn taken(&self) -> Vec<WebhookDelivery> {
        self.receiver().taken()
    }

    fn receiver(&self) -> std::sync::MutexGuard<'_, WebhookReceiver> {
        self.receiver.lock().expect("no panic with the lock")
    }

    /// The time passes for the messages.
    fn pass(&self) {
        self.queue.edit(|body| {
            let mut body: Value = serde_json::from_str(body).expect("JSON");
            if let Some(before) = body["not_before"].as_i64() {
                let passed = i64::try_from(PASSED.as_millis()).expect("short");
                body["not_before"] = (before - passed).into();
            }
            body.to_string()
        });
        self.queue.pass_time();
    }
}

/// Origin and path of a URL.
fn split(url: &str) -> (String, String) {
    let path = url[7..].find('/').map_or(url.len(), |at| at + 7);
    (url[..path].to_owned(), url[path..].to_owned())
}

/// Whether every event has been delivered.
pub(crate) async fn is_done(world: &World) -> bool {
    let sql = "SELECT FROM webhook_events WHERE outcome IS DISTINCT FROM 'delivered'";
    let rows = world.admin().await.query(sql, &[]).await;
    rows.expect("the statement runs").is_empty()
}

/// Records the change that was not recorded yet, and lets time pass until the queue is empty.
pub(crate) async fn drain(world: &World) -> Result<(), String> {
    let Some(application) = &world.application else {
        return Ok(());
    };
    record(&world.db(), &bucket(&world.direct), &world.scene.fresh.key).await;
    let seconds = PASSED.as_secs();
    let pass = format!(
        "UPDATE webhook_events SET due_at = due_at - interval '{seconds} seconds',
                first_attempt_at = first_attempt_at - interval '{seconds} seconds';
         UPDATE webhook_wake SET wake_at = wake_at - interval '{seconds} seconds'"
    );
    for _ in 0..ROUNDS {
        if application.queue.bodies().is_empty() {
            return Ok(());
        }
        world.sql(&pass).await;
        application.pass();
        while let Some(messages) = application.messages().await {
            let outcome = world.give(&messages, AMPLE).await;
            application.settle(&messages, &outcome);
        }
    }
    Err(format!("messages remain: {:?}", application.queue.bodies()))
}

/// Checks that every event was delivered, under one id and as one text however often.
pub(crate) async fn audit(world: &World) -> Result<(), String> {
    let Some(application) = &world.application else {
        return Ok(());
    };
    if !application.queue.dead_letters().is_empty() {
        return Err("there are dead letters".to_owned());
    }
    let mut texts = BTreeMap::new();
    for delivery in application.taken() {
        if let Some(problem) = &delivery.problem {
            return Err(format!("the signature does not fit: {problem}"));
        }
        let (id, text) = (delivery.id, delivery.text);
        if texts
            .insert(id, text.clone())
            .is_some_and(|one| one != text)
        {
            return Err(format!("two texts of one event: {text}"));
        }
    }
    let delivered: BTreeSet<(String, String, String)> = texts
        .into_iter()
        .map(|(id, text)| {
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            let field = |pointer| {
                let value = body.pointer(pointer).and_then(Value::as_str);
                value.unwrap_or_default().to_owned()
            };
            (id, field("/type"), field("/data/file/objectKey"))
        })
        .collect();
    let sql = "SELECT id::text, type, object_key, outcome FROM webhook_events";
    let rows = world.admin().await.query(sql, &[]).await;
    let rows = rows.map_err(|error| error.to_string())?;
    if let Some(row) = rows
        .iter()
        .find(|row| row.get::<_, Option<&str>>(3) != Some("delivered"))
    {
        return Err(format!("the queue is empty, and this is pending: {row:?}"));
    }
    let expected: BTreeSet<_> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    if delivered == expected {
        Ok(())
    } else {
        Err(format!("delivered {delivered:?}, and not {expected:?}"))
    }
}
