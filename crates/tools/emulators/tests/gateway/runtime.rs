//! The runtime API: the events of an environment, its retirement, and the end of its process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use slipway_emulators::lambda::{InvocationResult, Lambda, RuntimeApi, RuntimeStep};

use crate::function::ClosureFunction;

/// Only a limit.
const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_retired_environment_finishes_its_event_and_gets_no_other() {
    let first = ClosureFunction::start(|event| Ok(json!(["first", event]))).await;
    let lambda = Arc::clone(&first.lambda);
    assert_eq!(
        lambda.invoke(&json!(1), LONG).await,
        InvocationResult::Answered(json!(["first", 1]))
    );
    first.api().polled().await;
    first.api().retire();
    // It waits, although an environment polls.
    let waiting = lambda.queue().push("2".to_owned(), LONG);
    assert!(first.api().busy_since().is_none());
    let second = RuntimeApi::start(lambda.queue(), None).await.unwrap();
    let base = format!("http://{}/2018-06-01/runtime/invocation", second.address());
    let http = Client::new();
    let next = http.get(format!("{base}/next")).send().await.unwrap();
    let id = next.headers()["lambda-runtime-aws-request-id"].clone();
    assert_eq!(next.bytes().await.unwrap(), "2");
    assert!(second.busy_since().is_some());
    let url = format!("{base}/{}/response", id.to_str().unwrap());
    let answered = http.post(url).body("true").send().await.unwrap();
    assert_eq!(answered.status(), 202);
    assert_eq!(
        waiting.await.unwrap(),
        InvocationResult::Answered(json!(true))
    );
    assert!(second.busy_since().is_none());
}

#[tokio::test]
async fn a_process_that_ends_fails_only_its_own_event() {
    let lambda = Lambda::without_environment();
    let environment = RuntimeApi::start(lambda.queue(), None).await.unwrap();
    let [given, waiting] = ["1", "2"].map(|event| lambda.queue().push(event.to_owned(), LONG));
    let next = "2018-06-01/runtime/invocation/next";
    let url = format!("http://{}/{next}", environment.address());
    assert_eq!(Client::new().get(url).send().await.unwrap().status(), 200);
    environment.abandon("it died");
    let died = json!({ "errorType": "Runtime.ExitError", "errorMessage": "it died" });
    assert_eq!(given.await.unwrap(), InvocationResult::Failed(died));
    lambda.queue().fail_waiting("it does not start");
    assert!(matches!(
        waiting.await.unwrap(),
        InvocationResult::Failed(_)
    ));
}

/// Events contain tokens, and any page may send requests to any port of this machine.
#[tokio::test]
async fn a_page_gets_no_event() {
    let lambda = Lambda::without_environment();
    let environment = RuntimeApi::start(lambda.queue(), None).await.unwrap();
    let _waiting = lambda.queue().push("1".to_owned(), LONG);
    let port = environment.address().port();
    let url = format!("http://127.0.0.1:{port}/2018-06-01/runtime/invocation/next");
    for (name, value) in [
        // A host name of the website that resolves to this machine.
        ("host", format!("evil.example:{port}")),
        ("origin", "https://evil.example".to_owned()),
        ("sec-fetch-site", "cross-site".to_owned()),
    ] {
        let asked = Client::new().get(&url).header(name, value).send().await;
        let answer = asked.unwrap();
        assert_eq!(answer.status(), 403, "{name}");
        assert_eq!(answer.text().await.unwrap(), "", "{name}");
    }
    let runtime = Client::new().get(&url).send().await.unwrap();
    assert_eq!(runtime.text().await.unwrap(), "1");
}

#[tokio::test]
async fn an_event_without_a_waiting_caller_is_not_delivered() {
    let lambda = Lambda::without_environment();
    drop(lambda.queue().push("1".to_owned(), LONG));
    let _awaited = lambda.queue().push("2".to_owned(), LONG);
    let environment = RuntimeApi::start(lambda.queue(), None).await.unwrap();
    let next = "2018-06-01/runtime/invocation/next";
    let url = format!("http://{}/{next}", environment.address());
    let given = Client::new().get(url).send().await.unwrap();
    assert_eq!(given.bytes().await.unwrap(), "2");
}

#[tokio::test]
async fn each_step_is_reported() {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let observer = move |step: RuntimeStep<'_>| seen.lock().unwrap().push(format!("{step:?}"));
    let lambda = Lambda::without_environment();
    let environment = RuntimeApi::start(lambda.queue(), Some(Arc::new(observer))).await;
    let base = format!(
        "http://{}/2018-06-01/runtime",
        environment.as_ref().unwrap().address()
    );
    let http = Client::new();
    let awaited = lambda.queue().push("1".to_owned(), LONG);
    let next = http
        .get(format!("{base}/invocation/next"))
        .send()
        .await
        .unwrap();
    let id = next.headers()["lambda-runtime-aws-request-id"]
        .to_str()
        .unwrap();
    for (path, body) in [
        (format!("invocation/{id}/error"), "\"oh\""),
        ("init/error".to_owned(), "no"),
    ] {
        let posted = http.post(format!("{base}/{path}")).body(body).send().await;
        assert_eq!(posted.unwrap().status(), 202);
    }
    assert_eq!(
        awaited.await.unwrap(),
        InvocationResult::Failed(json!("oh"))
    );
    let steps = steps.lock().unwrap().clone();
    assert_eq!(
        steps,
        [
            "Polled".to_owned(),
            "Given".to_owned(),
            format!("Failed({:?})", b"\"oh\""),
            format!("NotStarted({:?})", b"no"),
        ]
    );
}
