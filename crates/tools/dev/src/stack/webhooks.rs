//! Delivers events of files to the application, as a deployment with `WebhookUrl` does: the queue
//! that wakes `notify`, and a receiver if the user has none.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use slipway_emulators::lambda::Lambda;
use slipway_emulators::sqs::{QueueOptions, SqsQueue};
use slipway_emulators::webhook::{WebhookDelivery, WebhookReceiver};
use tokio::task::JoinSet;

use super::settings::{EnvChanges, user_set};
use crate::say;

/// The settings of the queue in `template.yaml`.
const QUEUE: QueueOptions = QueueOptions {
    delay: Duration::from_secs(1),
    visibility: Duration::from_mins(6),
    max_receives: 300,
};

/// The timeout of `notify` in `template.yaml`.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The maximum concurrency of the queue in `template.yaml`.
const AT_ONCE: usize = 2;

/// The queue, and where deliveries go.
pub(super) struct Webhooks {
    queue: Arc<SqsQueue>,
    receiver: Option<WebhookReceiver>,
}

impl Webhooks {
    /// Starts the queue, and sets the variables of the functions. Unless the user has a secret for
    /// deliveries, it is derived from `secret` of the stack.
    pub(super) async fn start(env: &mut EnvChanges, secret: &str) -> io::Result<Self> {
        let queue = SqsQueue::start(QUEUE).await?;
        let secret = user_set("WEBHOOK_SECRET").unwrap_or_else(|| derived(secret));
        env.set("WEBHOOKS", "true");
        env.set("WEBHOOK_QUEUE_URL", queue.url());
        env.set("WEBHOOK_SECRET", &secret);
        let receiver = if user_set("WEBHOOK_URL").is_some() {
            say::part(
                "webhooks",
                "to WEBHOOK_URL, signed with WEBHOOK_SECRET of `cargo dev env`",
            );
            None
        } else {
            // The newest secret comes first.
            let first = secret.split_whitespace().next().unwrap_or_default();
            let receiver = WebhookReceiver::start(first).await?;
            env.set("WEBHOOK_URL", receiver.url());
            Some(receiver)
        };
        Ok(Self {
            queue: Arc::new(queue),
            receiver,
        })
    }

    /// The queue of `notify`.
    pub(super) fn queue(&self) -> Arc<SqsQueue> {
        Arc::clone(&self.queue)
    }

    /// Feeds `notify`, and prints what the receiver gets.
    pub(super) fn deliver(self, notify: Arc<Lambda>, tasks: &mut JoinSet<()>) {
        tasks.spawn(self.queue.feed(notify, TIMEOUT, AT_ONCE));
        if let Some(mut receiver) = self.receiver {
            tasks.spawn(async move {
                while let Some(delivery) = receiver.next().await {
                    say::part("webhook", &line(&delivery));
                }
            });
        }
    }
}

/// A delivery in one line.
fn line(delivery: &WebhookDelivery) -> String {
    let text = |pointer: &str| {
        let value = delivery.body.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default()
    };
    let verified = delivery.problem.as_ref().map_or_else(
        || "signature verified".to_owned(),
        |problem| format!("NOT VERIFIED: {problem}"),
    );
    let (kind, user) = (text("/type"), text("/data/userId"));
    // Quoted, because a name may contain control sequences of a terminal.
    let name = text("/data/file/fileName");
    format!("{kind} {name:?} of {user:?}, {verified}")
}

/// A secret of the specification. It is derived from a secret of the stack, so that it survives a
/// restart, and the application cannot learn the other one from it.
fn derived(secret: &str) -> String {
    let digest = digest(&SHA256, format!("webhook {secret}").as_bytes());
    format!("whsec_{}", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_line_shows_what_happened_and_whether_the_signature_fits() {
        let file = json!({ "fileName": "a\u{1b}[2J.txt" });
        let mut delivery = WebhookDelivery {
            id: "1".to_owned(),
            body: json!({ "type": "file.recorded", "data": { "userId": "alice", "file": file } }),
            text: String::new(),
            headers: Vec::new(),
            problem: None,
            at: OffsetDateTime::UNIX_EPOCH,
        };
        let expected = r#"file.recorded "a\u{1b}[2J.txt" of "alice", signature verified"#;
        assert_eq!(line(&delivery), expected);
        delivery.problem = Some("signature invalid".to_owned());
        assert!(line(&delivery).ends_with("NOT VERIFIED: signature invalid"));
    }
}
