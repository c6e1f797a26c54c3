//! Bringing what changes in the bucket to `record-upload`, as S3 does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use slipway_local::s3::ObjectEvent;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::http;
use crate::say;

const PATH: &str = "/2015-03-31/functions/record-upload/invocations";

/// S3 takes about a second: a client that confirms at once is the first to record, here as there.
const LATENCY: Duration = Duration::from_secs(1);

/// So many at once.
const AT_ONCE: usize = 2;

/// About a minute altogether.
const TRIES: u32 = 8;

/// Longer than the function's own limit, so that it answers or is answered for.
const PATIENCE: Duration = Duration::from_secs(40);

/// Delivers until it is dropped.
pub(super) async fn deliver(emulator: u16, mut objects: UnboundedReceiver<ObjectEvent>) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut deliveries = JoinSet::new();
    while let Some(event) = objects.recv().await {
        // The finished ones.
        while deliveries.try_join_next().is_some() {}
        let room = Arc::clone(&room);
        deliveries.spawn(async move {
            tokio::time::sleep(LATENCY).await;
            // It is never closed.
            let _permit = room.acquire_owned().await;
            one(emulator, &event).await;
        });
    }
}

async fn one(emulator: u16, event: &ObjectEvent) {
    let body = event.to_s3_notification().to_string();
    let mut last = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(250) * (1 << attempt)).await;
        }
        match attempt_one(emulator, &body).await {
            Ok(()) => return,
            Err(error) => last = error.to_string(),
        }
    }
    say::part(
        "events",
        &format!(
            "gave up on {} of {} ({last}); save-metadata or a run of maintain records it",
            event.name.as_str(),
            event.key
        ),
    );
}

async fn attempt_one(emulator: u16, body: &str) -> io::Result<()> {
    let posted = http::post(emulator, PATH, body.to_owned());
    let answer = tokio::time::timeout(PATIENCE, posted)
        .await
        .map_err(io::Error::other)??;
    match answer.status() {
        StatusCode::OK => Ok(()),
        other => Err(io::Error::other(format!("record-upload answered {other}"))),
    }
}
