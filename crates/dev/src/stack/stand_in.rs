//! Answering where no function does: the emulator would leave the client waiting.

use std::io;
use std::time::Duration;

use http_body_util::Full;
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use super::http;

/// The emulator's name for what no route leads to.
const NO_ROUTE: &str = "_";

/// Answers 404 where there is no route, as API Gateway does, until it is dropped.
pub(super) fn not_found(emulator: u16) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            if answer(emulator).await.is_err() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    });
    tasks
}

async fn answer(emulator: u16) -> io::Result<()> {
    let api = format!("/.rt/{NO_ROUTE}/2018-06-01/runtime/invocation");
    let request = Request::get(format!("{api}/next")).body(Full::default());
    let next = http::send(emulator, request.map_err(io::Error::other)?).await?;
    if next.status() != StatusCode::OK {
        return Err(io::Error::other("nothing to answer"));
    }
    let id = next.headers().get("lambda-runtime-aws-request-id");
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let reply = json!({
        "statusCode": 404,
        "headers": {"content-type": "application/json"},
        // The emulator refuses an answer without these two.
        "multiValueHeaders": {},
        "cookies": [],
        "body": r#"{"message":"Not Found"}"#,
        "isBase64Encoded": false,
    });
    http::post(emulator, &format!("{api}/{id}/response"), reply.to_string()).await?;
    Ok(())
}
