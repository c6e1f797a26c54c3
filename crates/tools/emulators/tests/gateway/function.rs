//! A function that polls the runtime API as a Lambda runtime does, and an API in front of it.

use std::sync::Arc;

use reqwest::Client;
use serde_json::{Value, json};
use slipway_emulators::gateway::{Gateway, Options, Route};
use slipway_emulators::lambda::{Lambda, RuntimeApi};
use tokio::task::JoinHandle;

/// The routes of every test.
const ROUTES: [(&str, &str); 4] = [
    ("POST", "/echo"),
    ("GET", "/files/{id}"),
    ("POST", "/files/{id}/parts"),
    ("GET", "/answer"),
];

/// A function whose handler is a closure; it ends when this is dropped.
pub(crate) struct Function {
    pub(crate) lambda: Arc<Lambda>,
    api: RuntimeApi,
    polling: JoinHandle<()>,
}

impl Drop for Function {
    fn drop(&mut self) {
        self.polling.abort();
    }
}

impl Function {
    /// Answers each event by what `handler` makes of it; `Err` is a function error.
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
    pub(crate) fn options(&self) -> Options {
        let routes = ROUTES.map(|(method, path)| Route {
            method,
            path,
            function: Arc::clone(&self.lambda),
        });
        Options::new(routes.into(), vec![ORIGIN.to_owned()])
    }

    /// An API that serves it.
    pub(crate) async fn serve(&self) -> Gateway {
        Gateway::start_with(self.options()).await.unwrap()
    }
}

/// The one origin that may call.
pub(crate) const ORIGIN: &str = "http://localhost:5173";

/// A function that answers with its event as the body.
pub(crate) async fn echo() -> Function {
    Function::start(|event| {
        Ok(json!({
            "statusCode": 200,
            "headers": { "content-type": "application/json", "access-control-allow-origin": "*" },
            "body": event.to_string(),
        }))
    })
    .await
}

/// Status and JSON of an answer.
pub(crate) async fn read(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}
