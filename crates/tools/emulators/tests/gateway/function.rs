//! A function that polls the runtime API as a Lambda runtime does, and an API in front of it.

use std::sync::Arc;

use reqwest::Client;
use serde_json::{Value, json};
use slipway_emulators::gateway::{Gateway, GatewayOptions, GatewayRoute};
use slipway_emulators::lambda::{Lambda, RuntimeApi};
use tokio::task::JoinHandle;

/// The routes of every test.
const ROUTES: [(&str, &str); 4] = [
    ("POST", "/echo"),
    ("GET", "/files/{id}"),
    ("POST", "/files/{id}/parts"),
    ("GET", "/answer"),
];

/// A function whose handler is a closure. It stops when dropped.
pub(crate) struct ClosureFunction {
    pub(crate) lambda: Arc<Lambda>,
    api: RuntimeApi,
    polling: JoinHandle<()>,
}

impl Drop for ClosureFunction {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl ClosureFunction {
    /// Responds to each event with the result of `handler`. `Err` is a function error.
    pub(crate) async fn start(
        handler: impl Fn(Value) -> Result<Value, Value> + Send + 'static,
    ) -> Self {
        let lambda = Arc::new(Lambda::without_environment());
        let api = RuntimeApi::start(lambda.queue(), None).await.unwrap();
        let base = format!("http://{}/2018-06-01/runtime/invocation", api.address());
        let polling = tokio::spawn(async move {
            let http = Client::new();
            loop {
                let next = http.get(format!("{base}/next")).send().await.unwrap();
                let id = next.headers()["lambda-runtime-aws-request-id"].to_str();
                let id = id.unwrap().to_owned();
                let event = serde_json::from_slice(&next.bytes().await.unwrap()).unwrap();
                let (how, body) = match handler(event) {
                    Ok(answer) => ("response", answer),
                    Err(error) => ("error", error),
                };
                let url = format!("{base}/{id}/{how}");
                http.post(url).body(body.to_string()).send().await.unwrap();
            }
        });
        Self {
            lambda,
            api,
            polling,
        }
    }

    /// Its runtime API.
    pub(crate) const fn api(&self) -> &RuntimeApi {
        &self.api
    }

    /// The options of an API that serves it.
    pub(crate) fn options(&self) -> GatewayOptions {
        let routes = ROUTES.map(|(method, path)| GatewayRoute {
            method,
            path,
            function: Arc::clone(&self.lambda),
        });
        GatewayOptions::new(routes.into(), vec![ORIGIN.to_owned()])
    }

    /// An API that serves it.
    pub(crate) async fn serve(&self) -> Gateway {
        Gateway::start_with(self.options()).await.unwrap()
    }
}

/// The one allowed origin.
pub(crate) const ORIGIN: &str = "http://localhost:5173";

/// A function that returns its event as the body.
pub(crate) async fn echo() -> ClosureFunction {
    ClosureFunction::start(|event| {
        Ok(json!({
            "statusCode": 200,
            "headers": { "content-type": "application/json", "access-control-allow-origin": "*" },
            "body": event.to_string(),
        }))
    })
    .await
}

/// Status and JSON of a response.
pub(crate) async fn read(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}
