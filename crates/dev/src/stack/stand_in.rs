//! Answering where no function does: the emulator would leave the client waiting.

use std::future;
use std::io;
use std::time::Duration;

use http_body_util::Full;
use hyper::{Request, StatusCode};
use serde_json::json;

use super::http;
use super::runtime_api::FAILED;

/// The emulator's name for what no route leads to.
const NO_ROUTE: &str = "_";

/// Answers 404 where there is no route, as API Gateway does.
pub(super) async fn not_found(emulator: u16) {
    let reply = json!({
        "statusCode": 404,
        "headers": {"content-type": "application/json"},
        // The emulator refuses an answer without these two.
        "multiValueHeaders": {},
        "cookies": [],
        "body": r#"{"message":"Not Found"}"#,
        "isBase64Encoded": false,
    })
    .to_string();
    answer(emulator, NO_ROUTE, "response", &reply, future::pending()).await;
}

/// Answers 500 for a function that does not start, until `until`.
pub(super) async fn failed(emulator: u16, function: &str, until: impl Future<Output = ()>) {
    answer(emulator, function, "error", FAILED, until).await;
}

async fn answer(
    emulator: u16,
    function: &str,
    how: &str,
    reply: &str,
    until: impl Future<Output = ()>,
) {
    tokio::pin!(until);
    loop {
        tokio::select! {
            () = &mut until => return,
            id = next(emulator, function) => match id {
                Ok(id) => respond(emulator, function, &id, how, reply).await,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

/// Waits for a request of `function`, and returns its id.
async fn next(emulator: u16, function: &str) -> io::Result<String> {
    let path = format!("/.rt/{function}/2018-06-01/runtime/invocation/next");
    let request = Request::get(path).body(Full::default());
    let next = http::send(emulator, request.map_err(io::Error::other)?).await?;
    let id = next.headers().get("lambda-runtime-aws-request-id");
    match id.map(|id| id.to_str()) {
        Some(Ok(id)) if next.status() == StatusCode::OK => Ok(id.to_owned()),
        _ => Err(io::Error::other("nothing to answer")),
    }
}

async fn respond(emulator: u16, function: &str, id: &str, how: &str, reply: &str) {
    let path = format!("/.rt/{function}/2018-06-01/runtime/invocation/{id}/{how}");
    // A client that has gone needs no answer.
    let _ = http::post(emulator, &path, reply.to_owned()).await;
}
