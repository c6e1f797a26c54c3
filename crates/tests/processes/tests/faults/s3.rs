//! A proxy before the S3 server: one request a connection, and what S3 does on a bad day.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::steps::Steps;

/// What becomes of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum S3Fault {
    /// They are passed on.
    #[default]
    None,
    /// Each is answered with this status and code.
    Answer(u16, &'static str),
    /// The first is, and no other.
    AnswerOnce(u16, &'static str),
    /// The connection is reset when a request has come.
    Reset,
    /// Nothing is answered, and the connection stays.
    Stall,
    /// What changes something is done, and the connection is reset before its answer.
    LoseAnswers,
    /// Half an answer comes, and then nothing.
    StallWithin,
}

/// The proxy.
pub(crate) struct S3Door {
    port: u16,
    fault: watch::Sender<S3Fault>,
    closed: Mutex<Option<(TcpSocket, oneshot::Sender<TcpListener>)>>,
    task: JoinHandle<()>,
}

impl S3Door {
    /// Before `endpoint`. Connections are refused, by the system, until it is opened.
    pub(crate) fn before(endpoint: &str, steps: &Arc<Steps>) -> Self {
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let socket = TcpSocket::new_v4().expect("a socket");
        let any = ([127, 0, 0, 1], 0).into();
        socket.bind(any).expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let fault = watch::Sender::default();
        let (opened, listener) = oneshot::channel::<TcpListener>();
        let (faults, steps) = (fault.clone(), Arc::clone(steps));
        let task = tokio::spawn(async move {
            let Ok(listener) = listener.await else { return };
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, faults, steps) =
                    (upstream.clone(), faults.clone(), Arc::clone(&steps));
                tokio::spawn(async move { serve(client, &upstream, &faults, &steps).await });
            }
        });
        let closed = Mutex::new(Some((socket, opened)));
        Self {
            port,
            fault,
            closed,
            task,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Begins to listen.
    pub(crate) fn open(&self) {
        if let Some((socket, opened)) = self.closed.lock().expect("a lock").take() {
            let _ = opened.send(socket.listen(1024).expect("a listener"));
        }
    }

    pub(crate) fn set(&self, fault: S3Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for S3Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut client: TcpStream,
    upstream: &str,
    faults: &watch::Sender<S3Fault>,
    steps: &Steps,
) -> Option<()> {
    let request = read_request(&mut client).await?;
    let method = request.method();
    steps.reach(format!("to S3 {method}")).await;
    let fault = *faults.borrow();
    if let S3Fault::AnswerOnce(..) = fault {
        // Of two requests at the same time, one.
        let first = faults.send_if_modified(|fault| std::mem::take(fault) != S3Fault::None);
        if !first {
            return pass(client, upstream, &request, faults, steps).await;
        }
    }
    match fault {
        S3Fault::Answer(status, code) | S3Fault::AnswerOnce(status, code) => {
            let body = format!("<Error><Code>{code}</Code></Error>");
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            client.write_all(head.as_bytes()).await.ok()?;
            if method != "HEAD" {
                client.write_all(body.as_bytes()).await.ok()?;
            }
            client.shutdown().await.ok()
        }
        S3Fault::Reset => client.set_zero_linger().ok(),
        S3Fault::Stall => stall(client).await,
        S3Fault::None | S3Fault::LoseAnswers | S3Fault::StallWithin => {
            pass(client, upstream, &request, faults, steps).await
        }
    }
}

async fn pass(
    mut client: TcpStream,
    upstream: &str,
    request: &Request,
    faults: &watch::Sender<S3Fault>,
    steps: &Steps,
) -> Option<()> {
    let mut server = TcpStream::connect(upstream).await.ok()?;
    let (head, body) = request.bytes.split_at(request.end);
    server.write_all(head).await.ok()?;
    server.write_all(b"\r\nconnection: close").await.ok()?;
    server.write_all(body).await.ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.ok()?;
    steps.reach(format!("from S3 {}", request.method())).await;
    let fault = *faults.borrow();
    match fault {
        S3Fault::StallWithin => {
            client.write_all(&answer[..answer.len() / 2]).await.ok()?;
            return stall(client).await;
        }
        S3Fault::LoseAnswers if !matches!(&*request.method(), "GET" | "HEAD") => {
            return client.set_zero_linger().ok();
        }
        _ => {}
    }
    client.write_all(&answer).await.ok()?;
    client.shutdown().await.ok()
}

/// Until the client gives up.
async fn stall(mut client: TcpStream) -> Option<()> {
    let mut nothing = [0; 1024];
    while client.read(&mut nothing).await.ok()? > 0 {}
    Some(())
}

/// One request; its head ends, without the empty line, at `end`.
struct Request {
    bytes: Vec<u8>,
    end: usize,
}

impl Request {
    fn method(&self) -> String {
        let word = self.bytes.split(|byte| *byte == b' ').next();
        String::from_utf8_lossy(word.unwrap_or_default()).into_owned()
    }
}

async fn read_request(client: &mut TcpStream) -> Option<Request> {
    let (mut bytes, mut wanted) = (Vec::new(), None);
    loop {
        if let Some((end, length)) = wanted
            && bytes.len() >= end + 4 + length
        {
            return Some(Request { bytes, end });
        }
        let mut buffer = [0; 16 * 1024];
        let count = client
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if wanted.is_none()
            && let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |length| length.trim().parse().expect("a length"));
            wanted = Some((end, length));
        }
    }
}
