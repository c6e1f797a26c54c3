//! A server in front of S3 that answers some requests itself, as S3 does on a bad day.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is answered instead: a status and a body. It is given the request's line, such as `HEAD /b/k HTTP/1.1`, and its body.
type Rule = Box<dyn Fn(&str, &str) -> Option<(u16, String)> + Send>;

pub(crate) struct S3Fault {
    port: u16,
    rule: Arc<Mutex<Option<Rule>>>,
    task: JoinHandle<()>,
}

impl S3Fault {
    pub(crate) async fn before(endpoint: &str) -> Self {
        let upstream = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let rule: Arc<Mutex<Option<Rule>>> = Arc::default();
        let rules = Arc::clone(&rule);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, rules) = (upstream.clone(), Arc::clone(&rules));
                tokio::spawn(async move { serve(client, &upstream, &rules).await });
            }
        });
        Self { port, rule, task }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn answer(
        &self,
        rule: impl Fn(&str, &str) -> Option<(u16, String)> + Send + 'static,
    ) {
        *self.rule.lock().unwrap() = Some(Box::new(rule));
    }

    /// Requests that begin so are answered with `status`.
    pub(crate) fn refuse(&self, begin: &'static str, status: u16) {
        self.answer(move |line, _| line.starts_with(begin).then(|| (status, String::new())));
    }

    pub(crate) fn heal(&self) {
        *self.rule.lock().unwrap() = None;
    }
}

impl Drop for S3Fault {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request, and the connection ends.
async fn serve(mut client: TcpStream, upstream: &str, rules: &Mutex<Option<Rule>>) -> Option<()> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    let (end, length) = loop {
        let read = client
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            break (
                end,
                length.map_or(0, |length| length.trim().parse().unwrap()),
            );
        }
    };
    while bytes.len() < end + 4 + length {
        let read = client
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
    }
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
    let line = head.lines().next()?.to_owned();
    let answer = rules
        .lock()
        .unwrap()
        .as_ref()
        .and_then(|rule| rule(&line, &body));
    if let Some((status, body)) = answer {
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        client.write_all(answer.as_bytes()).await.ok()?;
        return client.shutdown().await.ok();
    }
    let mut server = TcpStream::connect(upstream).await.ok()?;
    server.write_all(head.as_bytes()).await.ok()?;
    server.write_all(b"\r\nconnection: close").await.ok()?;
    server.write_all(&bytes[end..]).await.ok()?;
    tokio::io::copy(&mut server, &mut client).await.ok()?;
    client.shutdown().await.ok()
}
