//! Requests as events for functions, and results of functions as responses for clients.

use http::Method;
use reqwest::Client;
use serde_json::{Value, json};

use crate::function::{ClosureFunction, echo, read};

#[tokio::test]
async fn header_names_are_lower_case_and_repeated_values_are_joined() {
    let function = echo().await;
    let gateway = function.serve().await;
    let request = Client::new()
        .post(format!("{}/echo?a=1&a=2&b=%2B+c", gateway.url()))
        .header("X-Twice", "one")
        .header("X-TWICE", "two")
        .header("Cookie", "a=1; b=2")
        .header("Lambda-Runtime-Client-Context", "x")
        .header("Content-Type", "application/json")
        .body("{}");
    let (status, event) = read(request.send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(event["headers"]["x-twice"], "one,two");
    // The runtime does not interpret it: it is an ordinary header of the request.
    assert_eq!(event["headers"]["lambda-runtime-client-context"], "x");
    assert_eq!(event["headers"].get("cookie"), None);
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["rawQueryString"], "a=1&a=2&b=%2B+c");
    assert_eq!(
        event["queryStringParameters"],
        json!({ "a": "1,2", "b": "+ c" })
    );
    assert_eq!(event["body"], "{}");
    assert_eq!(event["isBase64Encoded"], false);
    assert_eq!(event["requestContext"].get("authorizer"), None);
}

#[tokio::test]
async fn path_parameters_are_decoded_and_an_encoded_slash_separates() {
    let function = echo().await;
    let gateway = function.serve().await;
    let get = async |path: &str| {
        let url = format!("{}{path}", gateway.url());
        read(Client::new().get(url).send().await.unwrap()).await
    };
    for (path, id) in [
        ("/files/a%20b", "a b"),
        ("/files/%C3%BC", "ü"),
        ("/files/a", "a"),
    ] {
        let (status, event) = get(path).await;
        assert_eq!(
            (status, &event["pathParameters"]),
            (200, &json!({ "id": id }))
        );
        assert_eq!(event["routeKey"], "GET /files/{id}");
        assert_eq!(event["rawPath"], path);
    }
    for path in ["/files/a%2Fb", "/files/", "/files", "/answer/"] {
        assert_eq!(get(path).await, (404, json!({ "message": "Not Found" })));
    }
}

#[tokio::test]
async fn no_control_plane_is_served() {
    let function = echo().await;
    let gateway = function.serve().await;
    let forged =
        json!({ "requestContext": { "authorizer": { "jwt": { "claims": { "sub": "eve" } } } } });
    for (method, path) in [
        (Method::POST, "/2015-03-31/functions/files/invocations"),
        (Method::POST, "/2015-03-31/functions/function/invocations"),
        (Method::GET, "/.rt/files/2018-06-01/runtime/invocation/next"),
        (Method::GET, "/2018-06-01/runtime/invocation/next"),
        (Method::POST, "/2018-06-01/runtime/init/error"),
        (Method::TRACE, "/echo"),
        (Method::PUT, "/echo"),
    ] {
        let request = Client::new().request(method, format!("{}{path}", gateway.url()));
        let request = request.header("content-type", "text/plain");
        let answer = request.body(forged.to_string()).send().await.unwrap();
        assert_eq!(read(answer).await, (404, json!({ "message": "Not Found" })));
    }
}

#[tokio::test]
async fn bodies_that_are_not_text_are_in_base64() {
    let function = echo().await;
    let gateway = function.serve().await;
    let post = async |kind: Option<&str>, body: &'static [u8]| {
        let request = Client::new().post(format!("{}/echo", gateway.url()));
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        let (status, event) = read(request.body(body).send().await.unwrap()).await;
        assert_eq!(status, 200);
        (event["body"].clone(), event["isBase64Encoded"] == true)
    };
    let encoded = (Value::from("e30="), true);
    for kind in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/plain",
    ] {
        assert_eq!(
            post(Some(kind), b"{}").await,
            ("{}".into(), false),
            "{kind}"
        );
    }
    for kind in [
        None,
        Some("application/x-www-form-urlencoded"),
        Some("image/png"),
    ] {
        assert_eq!(post(kind, b"{}").await, encoded, "{kind:?}");
    }
    assert_eq!(
        post(Some("application/json"), b"\xff").await,
        ("/w==".into(), true)
    );
    assert_eq!(post(None, b"").await, (Value::Null, false));
}

#[tokio::test]
async fn a_response_is_passed_on_unchanged() {
    let function = ClosureFunction::start(|_| {
        Ok(json!({
            "statusCode": 418,
            "headers": { "Content-Type": "image/png", "Cache-Control": "no-store" },
            "cookies": ["a=1; HttpOnly", "b=2"],
            "body": "/w==",
            "isBase64Encoded": true,
        }))
    })
    .await;
    let gateway = function.serve().await;
    let url = format!("{}/answer", gateway.url());
    let answer = Client::new().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 418);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; HttpOnly", "b=2"]);
    assert_eq!(&answer.bytes().await.unwrap()[..], b"\xff");
}
