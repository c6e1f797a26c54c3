//! Limits of size and time, and authorizers.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use slipway_emulators::gateway::Gateway;
use slipway_emulators::lambda::Lambda;

use crate::function::{ClosureFunction, echo, read};

const MIB: usize = 1024 * 1024;

fn said(words: &str) -> Value {
    json!({ "message": words })
}

#[tokio::test]
async fn a_request_over_a_limit_does_not_reach_the_function() {
    let function = echo().await;
    let gateway = function.serve().await;
    let post = async |bytes: usize| {
        let request = Client::new().post(format!("{}/echo", gateway.url()));
        let request = request.header("content-type", "text/plain");
        read(request.body("a".repeat(bytes)).send().await.unwrap()).await
    };
    // API Gateway allows 10 MB, and Lambda 6 MB for an event.
    for bytes in [10 * MIB + 1, 10 * MIB, 6 * MIB] {
        let refused = (413, said("Request Entity Too Large"));
        assert_eq!(post(bytes).await, refused, "{bytes}");
    }
    // The response, which contains the event, must be below 6 MB as well.
    assert_eq!(post(2 * MIB).await.0, 200);
    let long = "a".repeat(10_240);
    let request = Client::new().post(format!("{}/echo", gateway.url()));
    let answer = request.header("x-long", long).send().await.unwrap();
    assert_eq!(answer.status(), 431);
}

#[tokio::test]
async fn a_response_over_6_mb_is_an_error() {
    let function = ClosureFunction::start(|event| {
        let bytes = event["rawQueryString"].as_str().unwrap().parse().unwrap();
        Ok(json!({ "statusCode": 200, "body": "a".repeat(bytes) }))
    })
    .await;
    let gateway = function.serve().await;
    let get = async |bytes: usize| {
        let url = format!("{}/answer?{bytes}", gateway.url());
        Client::new().get(url).send().await.unwrap().status()
    };
    assert_eq!(get(6 * MIB - 100).await, 200);
    assert_eq!(get(6 * MIB).await, 500);
    // The function continues.
    assert_eq!(get(1).await, 200);
}

#[tokio::test]
async fn a_function_that_fails_or_is_late_gets_an_error_response() {
    let function = ClosureFunction::start(|event| match event["rawQueryString"].as_str() {
        Some("fail") => Err(json!({ "errorMessage": "a secret", "errorType": "Bug" })),
        Some("shape") => Ok(json!({ "statusCode": "two hundred" })),
        _ => Ok(json!({ "no": "status" })),
    })
    .await;
    let mut options = function.options();
    options.time_limit = Duration::from_millis(50);
    let silent = Arc::new(Lambda::without_environment());
    for route in &mut options.routes {
        route.function = Arc::clone(&silent);
    }
    let hasty = Gateway::start_with(options).await.unwrap();
    let patient = function.serve().await;
    let get = async |gateway: &Gateway, query: &str| {
        let url = format!("{}/answer?{query}", gateway.url());
        read(Client::new().get(url).send().await.unwrap()).await
    };
    let failed = (500, said("Internal Server Error"));
    assert_eq!(get(&patient, "fail").await, failed);
    assert_eq!(get(&patient, "shape").await, failed);
    assert_eq!(
        get(&patient, "plain").await,
        (200, json!({ "no": "status" }))
    );
    assert_eq!(
        get(&hasty, "slow").await,
        (503, said("Service Unavailable"))
    );
}

#[tokio::test]
async fn an_authorizer_responds_with_401_and_passes_claims_on() {
    let function = echo().await;
    let mut options = function.options();
    options.authorizer = Some(Arc::new(|token| {
        let claims = json!({ "sub": "alice", "exp": 1_700_000_000, "groups": ["a", "b"] });
        (token == "good").then_some(claims)
    }));
    let gateway = Gateway::start_with(options).await.unwrap();
    let send = async |authorization: Option<&str>| {
        let request = Client::new().post(format!("{}/echo", gateway.url()));
        let request = match authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        request.send().await.unwrap()
    };
    for bad in [None, Some("Bearer bad"), Some("Basic good"), Some("")] {
        let refused = send(bad).await;
        assert_eq!(refused.headers()["www-authenticate"], "Bearer");
        assert_eq!(read(refused).await, (401, said("Unauthorized")), "{bad:?}");
    }
    let (status, event) = read(send(Some("Bearer good")).await).await;
    assert_eq!(status, 200);
    let claims = json!({ "sub": "alice", "exp": "1700000000", "groups": "[a b]" });
    let jwt = json!({ "jwt": { "claims": claims, "scopes": null } });
    assert_eq!(event["requestContext"]["authorizer"], jwt);
}
