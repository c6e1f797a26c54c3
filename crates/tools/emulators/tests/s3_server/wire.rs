//! The wire protocol below the SDK, and its errors.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stack::{Stack, refused};

/// Opens a connection and sends `head`, with `path` and `host` of the URL.
async fn say(url: &str, method: &str, headers: &str) -> TcpStream {
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn hear(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 8192];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer));
    let read = read.await.unwrap().unwrap();
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

#[tokio::test]
async fn a_waiting_client_gets_100_continue() {
    let stack = Stack::start().await;
    let headers = "content-length: 5\r\nexpect: 100-continue\r\n";
    let mut stream = say(&stack.url("PUT", "k").sign(), "PUT", headers).await;
    assert!(hear(&mut stream).await.starts_with("HTTP/1.1 100"));
    stream.write_all(b"hello").await.unwrap();
    assert!(hear(&mut stream).await.starts_with("HTTP/1.1 200"));
    // The connection is kept for the next request.
    let again = stack.url("HEAD", "k").sign();
    let path = &again[again.find("/slipway-test").unwrap()..];
    let host = stack.server.endpoint().replace("http://", "");
    let head = format!("HEAD {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(hear(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_waiting_client_that_is_refused_sends_no_body() {
    let stack = Stack::start().await;
    let headers = "content-length: 500000000\r\nexpect: 100-continue\r\n";
    let url = stack.url("PUT", "k").sign().replace("/k?", "/l?");
    let mut stream = say(&url, "PUT", headers).await;
    assert!(hear(&mut stream).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn a_client_that_does_not_wait_still_gets_the_refusal() {
    let stack = Stack::start().await;
    let url = stack.url("PUT", "k").sign().replace("/k?", "/l?");
    let mut stream = say(&url, "PUT", "content-length: 33554432\r\n").await;
    // As curl and browsers do: they send the whole body before they read.
    stream.write_all(&vec![0; 32 << 20]).await.unwrap();
    assert!(hear(&mut stream).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn a_client_that_stalls_gets_the_refusal_too() {
    let stack = Stack::start().await;
    let url = stack.url("PUT", "k").sign().replace("/k?", "/l?");
    let mut stream = say(&url, "PUT", "content-length: 1000\r\n").await;
    assert!(hear(&mut stream).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn a_truncated_body_stores_nothing() {
    let mut stack = Stack::start().await;
    stack.put("k", b"before").await;
    stack.events.try_recv().unwrap();
    let mut stream = say(
        &stack.url("PUT", "k").sign(),
        "PUT",
        "content-length: 1000\r\n",
    )
    .await;
    stream.write_all(&[1; 999]).await.unwrap();
    let drafts = || {
        std::fs::read_dir(stack.root.path().join("drafts"))
            .unwrap()
            .count()
    };
    until(|| drafts() == 1).await;
    drop(stream);
    until(|| drafts() == 0).await;
    assert_eq!(stack.bytes("k").await.unwrap(), b"before");
    assert!(stack.events.try_recv().is_err());
}

#[tokio::test]
async fn one_put_holds_five_gibibytes() {
    let stack = Stack::start().await;
    let put = |length: u64| {
        let headers = format!("content-length: {length}\r\nexpect: 100-continue\r\n");
        let url = stack.url("PUT", "k").sign();
        async move { hear(&mut say(&url, "PUT", &headers).await).await }
    };
    let refused = put((5 << 30) + 1).await;
    assert!(
        refused.starts_with("HTTP/1.1 400") && refused.contains("EntityTooLarge"),
        "{refused}"
    );
    assert!(put(5 << 30).await.starts_with("HTTP/1.1 100"));
}

#[tokio::test]
async fn a_put_needs_a_length() {
    let stack = Stack::start().await;
    let chunks = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
    let put = stack
        .http
        .put(stack.url("PUT", "k").sign())
        .body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(
        refused(put.send().await.unwrap()).await,
        (501, "NotImplemented".into())
    );
    let mut silent = say(&stack.url("PUT", "k").sign(), "PUT", "").await;
    let refused = hear(&mut silent).await;
    assert!(
        refused.starts_with("HTTP/1.1 411") && refused.contains("MissingContentLength"),
        "{refused}"
    );
    let mut empty = say(
        &stack.url("PUT", "k").sign(),
        "PUT",
        "content-length: 0\r\n",
    )
    .await;
    assert!(hear(&mut empty).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_needs_little_memory() {
    const CHUNK: usize = 1 << 20;
    const CHUNKS: usize = 300;
    let stack = Stack::start().await;
    let chunk = Bytes::from(vec![5; CHUNK]);
    let chunks = stream::iter((0..CHUNKS).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let put = stack
        .http
        .put(stack.url("PUT", "k").sign())
        .header("content-length", CHUNKS * CHUNK);
    let put = put
        .body(reqwest::Body::wrap_stream(chunks))
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 200);
    let mut get = stack
        .http
        .get(stack.url("GET", "k").sign())
        .send()
        .await
        .unwrap();
    let mut read = 0;
    while let Some(chunk) = get.chunk().await.unwrap() {
        assert!(chunk.iter().all(|byte| *byte == 5));
        read += chunk.len();
    }
    assert_eq!(read, CHUNKS * CHUNK);
    // The memory of the whole process, in which other tests run as well.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 250 * 1024, "{peak} kB");
}

#[tokio::test]
async fn a_server_that_is_dropped_stops() {
    let stack = Stack::start().await;
    let endpoint = stack.server.endpoint().replace("http://", "");
    let (server, mut kept) = (stack.server, TcpStream::connect(&endpoint).await.unwrap());
    drop(server);
    let mut end = [0; 1];
    let read = tokio::time::timeout(Duration::from_secs(5), kept.read(&mut end))
        .await
        .unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
    assert!(TcpStream::connect(&endpoint).await.is_err());
}

async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to hold");
}
