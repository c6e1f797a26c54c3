//! What a browser asks, and needs to see.

use crate::stack::{BUCKET, Stack};

#[tokio::test]
async fn a_preflight_needs_no_signature() {
    let stack = Stack::start().await;
    let url = format!("{}/{BUCKET}/k", stack.server.endpoint());
    let ask = stack.http.request(reqwest::Method::OPTIONS, url);
    let ask = ask
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "PUT");
    let ask = ask.header(
        "access-control-request-headers",
        "content-type,x-amz-checksum-sha256",
    );
    let answer = ask.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(
        headers["access-control-allow-headers"],
        "content-type,x-amz-checksum-sha256"
    );
    let methods = headers["access-control-allow-methods"].to_str().unwrap();
    for method in ["GET", "PUT", "HEAD", "POST", "DELETE"] {
        assert!(
            methods.split(", ").any(|allowed| allowed == method),
            "{method}"
        );
    }
    assert!(headers.contains_key("access-control-max-age"));
}

#[tokio::test]
async fn every_answer_can_be_read_by_a_page() {
    let stack = Stack::start().await;
    let bare = format!("{}/{BUCKET}/k", stack.server.endpoint());
    let put = stack
        .http
        .put(stack.url("PUT", "k").sign())
        .body("x")
        .send()
        .await
        .unwrap();
    let get = stack
        .http
        .get(stack.url("GET", "k").sign())
        .send()
        .await
        .unwrap();
    let missing = stack
        .http
        .get(stack.url("GET", "none").sign())
        .send()
        .await
        .unwrap();
    let anonymous = stack.http.get(bare).send().await.unwrap();
    let too_long = stack
        .http
        .get(stack.url("GET", "k").expires(700_000).sign())
        .send()
        .await
        .unwrap();
    for (answer, status) in [
        (put, 200),
        (get, 200),
        (missing, 404),
        (anonymous, 403),
        (too_long, 400),
    ] {
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let exposed = answer.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap();
        for name in [
            "ETag",
            "x-amz-request-id",
            "x-amz-checksum-sha256",
            "x-amz-checksum-crc64nvme",
        ] {
            assert!(exposed.split(", ").any(|shown| shown == name), "{name}");
        }
        assert!(answer.headers().contains_key("x-amz-request-id"));
    }
}
