//! An HTTP proxy that makes requests fail as a test wants. Most tests put it in front of the S3
//! server.
//!
//! Each connection carries one request: the proxy adds `connection: close` to it, so that every
//! response ends with its connection and the proxy need not parse its length.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::closed_port::ClosedPort;

/// A failure of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpFault {
    /// The server does not receive the request. The client receives this status and XML body.
    Respond(u16, String),
    /// The server does not receive the request. The connection is closed without a response.
    Close,
    /// The server does not receive the request. The connection is reset.
    Reset,
    /// The server does not receive the request. The connection stays open without a response.
    Stall,
    /// The server executes the request. The connection is reset instead of a response.
    LoseResponse,
    /// The server executes the request. The connection stays open without a response.
    HoldResponse,
    /// The server executes the request. The client receives half of the response, and the
    /// connection stays open.
    HoldHalfResponse,
}

/// A message that the proxy is about to pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// A request, before the server receives it.
    Request,
    /// The response to it, before the client receives it.
    Response,
}

/// Chooses a failure for a request by its head, whose first line is such as `HEAD /b/k HTTP/1.1`,
/// and its body.
type Rule = Box<dyn Fn(&str, &str) -> Option<HttpFault> + Send>;

/// Receives the request's head each time that the proxy passes something on. The message waits for
/// the future.
pub type HttpObserver = Arc<dyn Fn(Passing, &str) -> BoxFuture<'static, ()> + Send + Sync>;

type HeadEdit = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A running proxy. It stops when dropped.
pub struct HttpProxy {
    port: ClosedPort,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    rule: Mutex<Option<Rule>>,
    observer: Option<HttpObserver>,
    edit: Mutex<Option<HeadEdit>>,
}

impl HttpProxy {
    /// In front of `endpoint`, such as `http://127.0.0.1:9000`.
    #[expect(clippy::unused_async, reason = "it spawns, which needs a runtime")]
    pub async fn before(endpoint: &str) -> Self {
        let proxy = Self::new(endpoint, None);
        proxy.open();
        proxy
    }

    /// The same with an observer. The port refuses connections until [`HttpProxy::open`].
    #[must_use]
    pub fn observed(endpoint: &str, observer: HttpObserver) -> Self {
        Self::new(endpoint, Some(observer))
    }

    fn new(endpoint: &str, observer: Option<HttpObserver>) -> Self {
        let upstream = endpoint.strip_prefix("http://").expect("plain HTTP");
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            rule: Mutex::default(),
            observer,
            edit: Mutex::default(),
        });
        let (port, listener) = ClosedPort::bind();
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let Ok(listener) = listener.await else { return };
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { shared.serve(client).await });
            }
        });
        Self { port, shared, task }
    }

    /// Accepts connections from now on.
    pub fn open(&self) {
        self.port.open();
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.port())
    }

    /// From now on, `rule` chooses a failure by a request's first line and its body.
    pub fn fail(&self, rule: impl Fn(&str, &str) -> Option<HttpFault> + Send + 'static) {
        self.fail_by_head(move |head, body| rule(head.lines().next()?, body));
    }

    /// The same by the whole head.
    pub fn fail_by_head(&self, rule: impl Fn(&str, &str) -> Option<HttpFault> + Send + 'static) {
        *self.shared.rule.lock().expect("the rule") = Some(Box::new(rule));
    }

    /// From now on, `rule` chooses a status and a body by a request's first line and its body.
    pub fn respond(&self, rule: impl Fn(&str, &str) -> Option<(u16, String)> + Send + 'static) {
        self.fail(move |line, body| {
            rule(line, body).map(|(status, body)| HttpFault::Respond(status, body))
        });
    }

    /// From now on, requests whose first line begins with `begin` get `status` and no body.
    pub fn refuse(&self, begin: &'static str, status: u16) {
        self.respond(move |line, _| line.starts_with(begin).then(|| (status, String::new())));
    }

    /// From now on, the connection is closed on requests whose head contains `text`, such as a key.
    pub fn close_on(&self, text: &str) {
        let text = text.to_owned();
        self.fail_by_head(move |head, _| head.contains(&text).then_some(HttpFault::Close));
    }

    /// From now on, no request fails.
    pub fn heal(&self) {
        *self.shared.rule.lock().expect("the rule") = None;
    }

    /// From now on, clients receive the response heads that `edit` returns.
    pub fn edit_response_heads(&self, edit: impl Fn(&str) -> String + Send + Sync + 'static) {
        *self.shared.edit.lock().expect("the edit") = Some(Arc::new(edit));
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn serve(&self, mut client: TcpStream) -> Option<()> {
        let request = Message::read(&mut client).await?;
        let head = request.head();
        self.observe(Passing::Request, &head).await;
        let fault = {
            let rule = self.rule.lock().expect("the rule");
            rule.as_ref().and_then(|rule| rule(&head, &request.body()))
        };
        match &fault {
            Some(HttpFault::Respond(status, body)) => {
                let response = response(*status, body, head.starts_with("HEAD "));
                client.write_all(response.as_bytes()).await.ok()?;
                return client.shutdown().await.ok();
            }
            Some(HttpFault::Close) => return None,
            Some(HttpFault::Reset) => return client.set_zero_linger().ok(),
            Some(HttpFault::Stall) => return stall(client).await,
            _ => {}
        }
        let mut response = self.pass(&request).await?;
        self.observe(Passing::Response, &head).await;
        match fault {
            Some(HttpFault::LoseResponse) => return client.set_zero_linger().ok(),
            Some(HttpFault::HoldResponse) => return stall(client).await,
            Some(HttpFault::HoldHalfResponse) => {
                let half = &response[..response.len() / 2];
                client.write_all(half).await.ok()?;
                return stall(client).await;
            }
            _ => {}
        }
        let edit = self.edit.lock().expect("the edit").clone();
        if let (Some(edit), Some(end)) = (edit, end_of_head(&response)) {
            let head = edit(&String::from_utf8_lossy(&response[..end]));
            response.splice(..end, head.into_bytes());
        }
        client.write_all(&response).await.ok()?;
        client.shutdown().await.ok()
    }

    /// Sends the request to the server, and returns its whole response.
    async fn pass(&self, request: &Message) -> Option<Vec<u8>> {
        let mut server = TcpStream::connect(&self.upstream).await.ok()?;
        let (head, rest) = request.bytes.split_at(request.end);
        server.write_all(head).await.ok()?;
        server.write_all(b"\r\nconnection: close").await.ok()?;
        server.write_all(rest).await.ok()?;
        let mut response = Vec::new();
        server.read_to_end(&mut response).await.ok()?;
        Some(response)
    }

    async fn observe(&self, passing: Passing, head: &str) {
        if let Some(observer) = &self.observer {
            observer(passing, head).await;
        }
    }
}

/// Waits until the client closes the connection.
async fn stall(mut client: TcpStream) -> Option<()> {
    let mut ignored = [0; 1024];
    while client.read(&mut ignored).await.ok()? > 0 {}
    Some(())
}

fn response(status: u16, body: &str, is_head: bool) -> String {
    let length = body.len();
    let body = if is_head { "" } else { body };
    format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// A whole request. Its head ends, without the empty line, at `end`.
struct Message {
    bytes: Vec<u8>,
    end: usize,
}

impl Message {
    async fn read(client: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            read_some(client, &mut bytes).await?;
            if let Some(end) = end_of_head(&bytes) {
                break end;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length = length.map_or(0, |length| length.trim().parse().expect("a length"));
        while bytes.len() < end + 4 + length {
            read_some(client, &mut bytes).await?;
        }
        Some(Self { bytes, end })
    }

    fn head(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.end]).into_owned()
    }

    fn body(&self) -> String {
        String::from_utf8_lossy(&self.bytes[self.end + 4..]).into_owned()
    }
}

/// Appends bytes from the client; `None` when it has closed the connection.
async fn read_some(client: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 16 * 1024];
    let read = client.read(&mut buffer).await.ok()?;
    bytes.extend_from_slice(&buffer[..read]);
    (read > 0).then_some(())
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n")
}
