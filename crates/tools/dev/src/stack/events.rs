//! Delivers the events of the bucket to `record-upload`, to `preview` and to the queue of `notify`, as S3
//! does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use slipway_emulators::gateway::TIME_LIMIT;
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_emulators::s3::{EventName, ObjectEvent, Scanner};
use slipway_emulators::sqs::SqsQueue;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::say;

/// S3 takes about a second. A client that confirms immediately therefore records first, here as on
/// AWS.
const LATENCY: Duration = Duration::from_secs(1);

/// When the queue of `notify` gets the event. The queue then delays it for a second, so that the
/// change is recorded by then.
const QUEUE_LATENCY: Duration = Duration::from_millis(300);

/// How many events are delivered at the same time.
const AT_ONCE: usize = 2;

/// About a minute in total.
const TRIES: u32 = 8;

/// How often missing previews are made. On AWS: `MaintainSchedule`, an hour by default.
const SCHEDULE: Duration = Duration::from_mins(10);

/// The time limit of an instance for one event.
const TIMEOUT: Duration = TIME_LIMIT;

/// Delivers events until it is dropped.
///
/// A `scanner` scans every object that was written, and its result is delivered as well.
pub(super) async fn deliver(
    recorder: Arc<Lambda>,
    mut objects: UnboundedReceiver<ObjectEvent>,
    scanner: Option<Scanner>,
    queue: Option<Arc<SqsQueue>>,
    preview: Option<Arc<Lambda>>,
) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut deliveries = JoinSet::new();
    while let Some(event) = objects.recv().await {
        // Removes finished deliveries.
        while deliveries.try_join_next().is_some() {}
        let (room, recorder) = (Arc::clone(&room), Arc::clone(&recorder));
        let scanner = scanner.clone().filter(|_| event.name != EventName::Delete);
        let (queue, preview) = (queue.clone(), preview.clone());
        deliveries.spawn(async move {
            tokio::time::sleep(QUEUE_LATENCY).await;
            if let Some(queue) = &queue {
                queue.send(&event.to_eventbridge());
            }
            tokio::time::sleep(LATENCY.saturating_sub(QUEUE_LATENCY)).await;
            // The semaphore is never closed.
            let _permit = room.acquire_owned().await;
            let what = format!("{} of {}", event.name.as_str(), event.key);
            let notification = event.to_s3_notification();
            one("record-upload", &recorder, &what, &notification).await;
            if let Some(preview) = &preview {
                one("preview", preview, &what, &notification).await;
            }
            if let Some(result) = scanner.and_then(|scanner| scanner.scan(&event.key)) {
                if let Some(queue) = &queue {
                    queue.send(&result);
                }
                let what = format!("the scan of {}", event.key);
                one("record-upload", &recorder, &what, &result).await;
                if let Some(preview) = &preview {
                    one("preview", preview, &what, &result).await;
                }
            }
        });
    }
}

/// Invokes `preview` as its schedule does: at the start, and then periodically until it is dropped.
pub(super) async fn make_missing(preview: Arc<Lambda>) {
    let event = json!({ "missing": true });
    let mut times = tokio::time::interval(SCHEDULE);
    loop {
        times.tick().await;
        if let Err(error) = attempt_one("preview", &preview, &event).await {
            say::part("events", &format!("the schedule of previews: {error}"));
        }
    }
}

async fn one(name: &str, function: &Lambda, what: &str, event: &Value) {
    let mut last = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(250) * (1 << attempt)).await;
        }
        match attempt_one(name, function, event).await {
            Ok(()) => return,
            Err(error) => last = error,
        }
    }
    say::part(
        "events",
        &format!(
            "no more attempts to deliver {what} ({last}); save-metadata or a run of maintain records the file, \
             and the schedule of preview makes a preview"
        ),
    );
}

async fn attempt_one(name: &str, function: &Lambda, notification: &Value) -> Result<(), String> {
    match function.invoke(notification, TIMEOUT).await {
        InvocationResult::Answered(_) => Ok(()),
        InvocationResult::Failed(error) => Err(format!("{name} failed: {}", error["errorMessage"])),
        InvocationResult::TimedOut => Err(format!("{name} did not respond in time")),
    }
}
