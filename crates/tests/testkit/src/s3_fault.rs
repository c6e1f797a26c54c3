//! A server in front of S3 that answers some requests itself, as S3 does on a bad day.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// S3 never hears of it; this status and body are answered.
    Answer(u16, String),
    /// S3 does it, and the connection ends before a word of its answer.
    LoseAnswer,
    /// S3 does it, and its answer never comes.
    HoldAnswer,
    /// S3 never hears of it, and nothing is answered.
    Stall,
}

/// It is given the request's head, whose first line is such as `HEAD /b/k HTTP/1.1`, and its body; `None` passes the
/// request on.
type Rule = Box<dyn Fn(&str, &str) -> Option<Act> + Send>;

/// The server; it ends when dropped.
pub struct S3Fault {
    port: u16,
    rule: Arc<Mutex<Option<Rule>>>,
    task: JoinHandle<()>,
}

impl S3Fault {
    /// In front of `endpoint`, an `http://host:port`.
    pub async fn before(endpoint: &str) -> Self {
        let upstream = endpoint
            .strip_prefix("http://")
            .expect("plain HTTP")
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
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

    /// Where it is reached.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on, what `rule` says of a request's line and body.
    pub fn act(&self, rule: impl Fn(&str, &str) -> Option<Act> + Send + 'static) {
        self.act_on_heads(move |head, body| rule(head.lines().next()?, body));
    }

    /// The same for a rule that is given all of the head.
    pub fn act_on_heads(&self, rule: impl Fn(&str, &str) -> Option<Act> + Send + 'static) {
        *self.rule.lock().expect("the rule") = Some(Box::new(rule));
    }

    /// The same for a rule that only answers, with a status and a body.
    pub fn answer(&self, rule: impl Fn(&str, &str) -> Option<(u16, String)> + Send + 'static) {
        self.act(move |line, body| {
            rule(line, body).map(|(status, body)| Act::Answer(status, body))
        });
    }

    /// Requests that begin so are answered with `status`.
    pub fn refuse(&self, begin: &'static str, status: u16) {
        self.answer(move |line, _| line.starts_with(begin).then(|| (status, String::new())));
    }

    /// Everything is passed on again.
    pub fn heal(&self) {
        *self.rule.lock().expect("the rule") = None;
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
                length.map_or(0, |length| length.trim().parse().expect("a length")),
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
    let act = {
        let rule = rules.lock().expect("the rule");
        rule.as_ref().and_then(|rule| rule(&head, &body))
    };
    match &act {
        Some(Act::Answer(status, body)) => {
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            client.write_all(answer.as_bytes()).await.ok()?;
            return client.shutdown().await.ok();
        }
        Some(Act::Stall) => return std::future::pending().await,
        Some(Act::LoseAnswer | Act::HoldAnswer) | None => {}
    }
    let mut server = TcpStream::connect(upstream).await.ok()?;
    server.write_all(head.as_bytes()).await.ok()?;
    server.write_all(b"\r\nconnection: close").await.ok()?;
    server.write_all(&bytes[end..]).await.ok()?;
    match act {
        None => {
            tokio::io::copy(&mut server, &mut client).await.ok()?;
            client.shutdown().await.ok()
        }
        Some(act) => {
            // To its end: S3 has done it then.
            server.read_to_end(&mut Vec::new()).await.ok()?;
            match act {
                Act::HoldAnswer => std::future::pending().await,
                _ => None,
            }
        }
    }
}
