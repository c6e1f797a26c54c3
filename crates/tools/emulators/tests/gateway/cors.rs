//! CORS, and the host names of this machine.

use http::Method;
use reqwest::{Client, Response};
use serde_json::json;
use slipway_emulators::gateway::{Gateway, Throttle};

use crate::function::{ORIGIN, echo, read};

/// The CORS headers of a response.
const CORS: [&str; 4] = [
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
];

fn cors(response: &Response) -> Vec<Option<&str>> {
    let headers = response.headers();
    CORS.iter()
        .map(|name| headers.get(*name).map(|value| value.to_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn only_a_preflight_of_an_allowed_origin_is_permitted() {
    let function = echo().await;
    let gateway = function.serve().await;
    let ask = async |origin: &str, path: &str| {
        let request = Client::new()
            .request(Method::OPTIONS, format!("{}{path}", gateway.url()))
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        request.send().await.unwrap()
    };
    // "even if there isn't an OPTIONS route", and whatever the path.
    for path in ["/echo", "/nothing"] {
        let ours = ask(ORIGIN, path).await;
        assert_eq!(ours.status(), 204);
        assert_eq!(
            cors(&ours),
            [
                Some(ORIGIN),
                Some("GET,POST,PATCH,DELETE"),
                Some("authorization,content-type"),
                Some("3600")
            ]
        );
        assert_eq!(ours.headers()["vary"], "Origin");
    }
    for origin in [
        "https://evil.example",
        "http://localhost:51730",
        "http://localhost",
        "null",
    ] {
        let theirs = ask(origin, "/echo").await;
        assert_eq!(
            (theirs.status().as_u16(), cors(&theirs)),
            (204, vec![None; 4])
        );
    }
}

#[tokio::test]
async fn options_without_preflight_headers_is_an_ordinary_request() {
    let function = echo().await;
    let gateway = function.serve().await;
    let url = format!("{}/echo", gateway.url());
    let options = Client::new().request(Method::OPTIONS, &url);
    for request in [
        options.try_clone().unwrap(),
        options.header("origin", ORIGIN),
    ] {
        let (status, body) = read(request.send().await.unwrap()).await;
        assert_eq!((status, body), (404, json!({ "message": "Not Found" })));
    }
}

#[tokio::test]
async fn only_an_integrations_response_has_cors_headers_and_they_are_the_gateways() {
    let function = echo().await;
    let mut options = function.options();
    options.throttle = Some(Throttle {
        rate: 0.0,
        burst: 3,
    });
    let gateway = Gateway::start_with(options).await.unwrap();
    let send = async |path: &str, origin: Option<&str>| {
        let request = Client::new().post(format!("{}{path}", gateway.url()));
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        request.send().await.unwrap()
    };
    let ours = send("/echo", Some(ORIGIN)).await;
    assert_eq!(cors(&ours), [Some(ORIGIN), None, None, None]);
    // The function's own star is not passed on.
    for origin in [Some("https://evil.example"), None] {
        let other = send("/echo", origin).await;
        assert_eq!(
            (other.status().as_u16(), cors(&other)),
            (200, vec![None; 4])
        );
        assert!(!other.headers().contains_key("vary"));
    }
    for (path, status, words) in [
        ("/echo", 429, "Too Many Requests"),
        ("/nothing", 404, "Not Found"),
    ] {
        let own = send(path, Some(ORIGIN)).await;
        assert_eq!(cors(&own), vec![None; 4], "{path}");
        assert_eq!(read(own).await, (status, json!({ "message": words })));
    }
}

#[tokio::test]
async fn a_website_that_resolves_to_this_machine_is_refused() {
    let function = echo().await;
    let gateway = function.serve().await;
    let port = gateway.url().rsplit_once(':').unwrap().1.to_owned();
    let send = async |method: Method, host: String| {
        let request = Client::new().request(method, format!("{}/echo", gateway.url()));
        request.header("host", host).send().await.unwrap().status()
    };
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("evil.example:{port}:localhost"),
        format!("192.0.2.1:{port}"),
    ] {
        for method in [Method::POST, Method::OPTIONS] {
            assert_eq!(send(method, host.clone()).await, 403, "{host}");
        }
    }
    for host in [
        format!("localhost:{port}"),
        "LOCALHOST".to_owned(),
        // As behind a port that ssh forwards.
        "127.0.0.1:8080".to_owned(),
        "[::1]:3000".to_owned(),
    ] {
        assert_eq!(send(Method::POST, host.clone()).await, 200, "{host}");
    }
}
