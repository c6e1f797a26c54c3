//! A deployment with webhooks, whose clock a test moves.

use std::time::Duration;

use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_emulators::capture;
use slipway_emulators::sqs::{QueueOptions, SqsQueue};
use slipway_emulators::webhook::{WebhookDelivery, WebhookReceiver};
use slipway_notify::Notify;
use tokio::time::Instant;

use crate::spec;
use crate::world::World;

pub(super) const SECRET: &str = "whsec_pwQVHW9VJNcDYnEWc3nRbHGAvyKAl3EnQPZsvbpqKBo=";

/// A deployment with webhooks, its queue, and an application.
pub(super) struct Hooked {
    pub(super) world: World,
    pub(super) queue: SqsQueue,
    pub(super) app: WebhookReceiver,
    pub(super) notify: Notify,
}

pub(super) async fn notify(world: &World, queue: &SqsQueue, url: &str) -> Notify {
    capture::environment([("WEBHOOK_SECRET", SECRET)]);
    let mut env = world.variables("notify");
    for (name, value) in [
        ("WEBHOOK_URL", url),
        ("WEBHOOK_SECRET", SECRET),
        ("WEBHOOK_QUEUE_URL", queue.url()),
    ] {
        env.insert(name.to_owned(), value.to_owned());
    }
    let env: Environment = env.into_iter().collect();
    Notify::from_env(&env).await.expect("it starts")
}

impl Hooked {
    pub(super) async fn new(variables: &[(&str, &str)]) -> Self {
        let mut variables = variables.to_vec();
        variables.push(("WEBHOOKS", "true"));
        let world = World::with(&variables).await;
        let options = QueueOptions {
            delay: Duration::ZERO,
            visibility: Duration::from_mins(6),
            max_receives: 300,
        };
        let queue = SqsQueue::start(options).await.expect("a queue");
        let app = WebhookReceiver::start(SECRET)
            .await
            .expect("an application");
        let notify = notify(&world, &queue, &app.url()).await;
        Self {
            world,
            queue,
            app,
            notify,
        }
    }

    /// Sends the events of S3 since the last call to the queue, and to `record-upload` if they are
    /// to be `recorded`.
    pub(super) async fn changes(&self, recorded: bool) {
        for event in self.world.take_events().await {
            self.queue.send(&event.to_eventbridge());
            if recorded {
                let taken = self.world.deliver(event.to_s3_notification()).await;
                taken.expect("recorded");
            }
        }
    }

    /// Invokes `notify` while messages are visible. Returns the deliveries.
    pub(super) async fn work(&mut self) -> Vec<WebhookDelivery> {
        while let Some(batch) = self.queue.receive(Instant::now()).await {
            let answer = invoke(&self.notify, batch.clone()).await;
            self.queue.settle(&batch, answer.ok().as_ref());
        }
        let deliveries = self.app.taken();
        let schema = json!({ "$ref": "#/components/schemas/WebhookEvent" });
        let validator = spec::validator(&schema);
        for delivery in &deliveries {
            let problems = spec::problems(&validator, &delivery.body);
            assert_eq!(problems, "", "{delivery:?}");
        }
        deliveries
    }

    /// Lets a minute, an hour and so on pass, for Postgres and the queue.
    pub(super) async fn pass(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let sql = format!(
            "UPDATE webhook_events SET due_at = due_at - make_interval(secs => {seconds}),
                    first_attempt_at = first_attempt_at - make_interval(secs => {seconds});
             UPDATE webhook_wake SET wake_at = wake_at - make_interval(secs => {seconds})"
        );
        self.world.sql().await.batch_execute(&sql).await.unwrap();
        // Messages of `notify` name the time before which they do nothing.
        let bodies = self.queue.bodies();
        for message in self.queue.drain() {
            let mut body: Value = serde_json::from_str(&message).unwrap();
            if let Some(before) = body["not_before"].as_i64() {
                let passed = i64::try_from(time.as_millis()).unwrap();
                body["not_before"] = (before - passed).into();
            }
            self.queue.send(&body);
        }
        assert_eq!(bodies.len(), self.queue.bodies().len());
    }

    pub(super) async fn outcomes(&self) -> Vec<(String, Option<String>)> {
        let sql = "SELECT type, outcome FROM webhook_events ORDER BY id";
        let rows = self.world.sql().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

pub(super) async fn invoke(notify: &Notify, event: Value) -> Result<Value, lambda_runtime::Error> {
    let mut context = Context::default();
    "r".clone_into(&mut context.request_id);
    notify.handle(LambdaEvent::new(event, context)).await
}
