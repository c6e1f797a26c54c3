//! One invocation: delivers what is due, and sees to it that the rest is delivered later.

use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use slipway_api::emulator;
use slipway_core::Error;
use slipway_core::deadline::time_left;
use slipway_db::webhooks::{Attempted, ClaimedEvent, Sighting};
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::endpoint::Endpoint;
use crate::message::{Content, Follow, Message, parse};
use crate::{Notify, backoff, endpoint};

/// The number of events that are claimed, and sent at the same time.
const AT_ONCE: u16 = 16;

/// An attempt takes 10 s, so an event whose process died is tried again soon.
const LEASE: Duration = Duration::from_mins(1);

/// The most changes in one message, of about 120 bytes each. SQS accepts 256 KiB.
const MOST_SIGHTINGS: usize = 500;

/// The time that is kept for the outcomes, the messages and the answer.
const RESERVE: Duration = Duration::from_secs(8);

/// The counts of an invocation.
#[derive(Debug, Default)]
struct Report {
    delivered: u64,
    stopped: u64,
    /// Attempts that failed.
    retried: u64,
    /// Events that are not tried again.
    failed: u64,
}

impl Notify {
    /// Handles one invocation. If Postgres or the queue does not respond, all messages return to the
    /// queue.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        let span = tracing::error_span!(
            "notify",
            requestId = event.context.request_id,
            traceId = event.context.xray_trace_id,
        );
        self.handle_event(event).instrument(span).await
    }

    async fn handle_event(
        &self,
        event: LambdaEvent<Value>,
    ) -> Result<Value, lambda_runtime::Error> {
        let started = Instant::now();
        let now = SystemTime::now();
        let end = emulator::deadline_ms(&event.context, now);
        let deadline = started + time_left(end, now, RESERVE);
        let messages = parse(&event.payload, &self.bucket);
        let mut report = Report::default();
        let done = self
            .work(&messages, &event.context.request_id, deadline, &mut report)
            .await;
        if let Err(error) = &done {
            tracing::error!(
                code = error.code().as_str(),
                cause = error.causes(),
                "left to the next message"
            );
        }
        let counted = |count: u64| (count > 0).then_some(count);
        tracing::info!(
            durationMs = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            ok = done.is_ok(),
            messages = messages.len(),
            delivered = report.delivered,
            stopped = report.stopped,
            retried = report.retried,
            failed = report.failed,
            metric.WebhooksDelivered = counted(report.delivered),
            metric.WebhookRetries = counted(report.retried),
            "events delivered"
        );
        let returned = match done {
            Ok(()) => &[],
            Err(error) if messages.is_empty() => return Err(error.into()),
            Err(_) => messages.as_slice(),
        };
        let ids: Vec<Value> = returned
            .iter()
            .map(|message| json!({ "itemIdentifier": message.id }))
            .collect();
        Ok(json!({ "batchItemFailures": ids }))
    }

    async fn work(
        &self,
        messages: &[Message],
        request: &str,
        deadline: Instant,
        report: &mut Report,
    ) -> Result<(), Error> {
        let now = OffsetDateTime::now_utc();
        let (mut ids, mut sightings, mut checks) = (Vec::new(), Vec::new(), 0);
        let mut early = Vec::new();
        let mut is_due = messages.is_empty();
        for message in messages {
            match &message.content {
                Content::Follow(follow) if !follow.delay(now).is_zero() => {
                    early.push(follow);
                    continue;
                }
                Content::Follow(follow) => {
                    ids.extend(follow.sender.clone());
                    sightings.extend(follow.sightings());
                    checks = checks.max(follow.checks);
                }
                Content::Object(sighting) => sightings.push(sighting.clone()),
                Content::Other => {}
            }
            is_due = true;
            ids.push(message.id.clone());
        }
        // Nothing is due, so Postgres is not asked.
        if !is_due {
            return self.send_again(&early).await;
        }
        if ids.is_empty() {
            ids.push(request.to_owned());
        }
        self.deliver_due(deadline, report).await?;
        // After the deliveries: a change that is recorded from now on has an event that is pending
        // when the next message is planned.
        self.look_again(&sightings, checks).await?;
        if let Some(delay) = self.db.plan_wake(&ids).await? {
            let wake = Follow::wake(&ids[0], delay, OffsetDateTime::now_utc());
            self.queue.send(&wake).await?;
        }
        // At the end: if anything else fails, the messages return to the queue, and a copy of each
        // would be added every time.
        self.send_again(&early).await
    }

    /// Sends messages that came too early. SQS delays a message for at most 15 minutes.
    async fn send_again(&self, early: &[&Follow]) -> Result<(), Error> {
        for follow in early {
            self.queue.send(follow).await?;
        }
        Ok(())
    }

    /// Delivers until nothing is due, or until another attempt would not end in time.
    async fn deliver_due(&self, deadline: Instant, report: &mut Report) -> Result<(), Error> {
        let connections = Endpoint::connections()?;
        while Instant::now() + endpoint::LIMIT <= deadline {
            let events = self.db.claim_events(AT_ONCE.into(), LEASE).await?;
            if events.is_empty() {
                break;
            }
            let attempts: Vec<(&ClaimedEvent, Attempted)> = stream::iter(&events)
                .map(async |event| (event, self.endpoint.deliver(&connections, event).await))
                .buffer_unordered(AT_ONCE.into())
                .collect()
                .await;
            let settled = self.db.settle_events(&attempts, backoff::RETRIES).await?;
            report.failed += settled.failed;
            for (event, attempted) in &attempts {
                match attempted {
                    Attempted::Delivered => report.delivered += 1,
                    Attempted::Stopped => report.stopped += 1,
                    Attempted::Failed(problem, _) => {
                        report.retried += 1;
                        log_failed(event, problem);
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends a message for the changes that are not in the table yet.
    async fn look_again(&self, sightings: &[Sighting], checks: u32) -> Result<(), Error> {
        if sightings.is_empty() {
            return Ok(());
        }
        let unseen = self.db.unseen(sightings).await?;
        let unseen: Vec<&Sighting> = unseen.iter().filter_map(|at| sightings.get(*at)).collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let now = OffsetDateTime::now_utc();
        for some in unseen.chunks(MOST_SIGHTINGS) {
            if let Some(follow) = Follow::look_again(some, checks + 1, now) {
                self.queue.send(&follow).await?;
                continue;
            }
            for sighting in some {
                tracing::warn!(fileId = %sighting.id, "not recorded yet");
            }
        }
        Ok(())
    }
}

/// The address is left out, because it may contain a secret.
fn log_failed(event: &ClaimedEvent, problem: &str) {
    tracing::warn!(
        webhookId = %event.id,
        fileId = %event.file.id,
        owner = event.file.object_key.owner().fingerprint(),
        event = event.kind,
        attempt = event.attempt,
        problem,
        "not delivered"
    );
}
