//! Applications that receive webhooks: one that verifies, and some that do not work.

use slipway_emulators::webhook::{WebhookAnswer, WebhookReceiver};

use crate::stack::{Stack, token};

const SECRET: &str = "whsec_ZG9jdG9yIGRvY3RvciBkb2N0b3IgZG9jdG9y";

#[tokio::test(flavor = "multi_thread")]
async fn an_application_must_refuse_what_is_not_signed() {
    let stack = Stack::healthy().await;
    let receiver = WebhookReceiver::start(SECRET).await.expect("a receiver");
    let url = receiver.url();
    let examine = async |url: &str| {
        let token = token(&serde_json::json!({}));
        stack
            .examine_with(&token, &["--no-events", "--webhook", url])
            .await
    };
    let report = examine(&url).await;
    report.finds(&[]);
    assert!(report.in_state("ok").contains(&"webhook"), "{report:?}");
    for (answer, fault) in [
        (WebhookAnswer::Trusting, "webhook_unverified"),
        (
            WebhookAnswer::Redirect("/elsewhere".to_owned()),
            "webhook_redirects",
        ),
        (WebhookAnswer::Status(503), "webhook_fails"),
    ] {
        receiver.answer(answer);
        examine(&url).await.finds(&[fault]);
    }
    // Nothing listens on this port.
    let closed = "http://127.0.0.1:9/";
    examine(closed).await.finds(&["webhook_unreachable"]);
}
