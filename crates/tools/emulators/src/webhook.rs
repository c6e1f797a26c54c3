//! A receiver of webhooks: an application that verifies each delivery with the library of the
//! Standard Webhooks project, and answers as it is told to.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use standardwebhooks::Webhook;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// What the receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// This status.
    Status(u16),
    /// 200, also to what is not signed.
    Trusting,
    /// A redirect to this address.
    Redirect(String),
    /// Nothing, while the connection stays open.
    Nothing,
    /// This status, after so long.
    Late(u16, Duration),
}

/// A delivery as it came.
#[derive(Clone, Debug)]
pub struct WebhookDelivery {
    /// The `webhook-id`.
    pub id: String,
    /// The body.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// The headers of the specification, by name.
    pub headers: Vec<(String, String)>,
    /// Why the signature does not fit, if it does not.
    pub problem: Option<String>,
    /// When it came.
    pub at: OffsetDateTime,
}

/// A running receiver. It stops when dropped.
#[derive(Debug)]
pub struct WebhookReceiver {
    address: SocketAddr,
    deliveries: UnboundedReceiver<WebhookDelivery>,
    answer: Arc<Mutex<WebhookAnswer>>,
    serving: JoinHandle<()>,
}

struct Shared {
    key: Webhook,
    answer: Arc<Mutex<WebhookAnswer>>,
    deliveries: UnboundedSender<WebhookDelivery>,
}

impl WebhookReceiver {
    /// Starts a receiver on a free port, which verifies with `secret` (`whsec_…`) and answers 200.
    pub async fn start(secret: &str) -> io::Result<Self> {
        let key = Webhook::new(secret).map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let answer = Arc::new(Mutex::new(WebhookAnswer::Status(200)));
        let (sender, deliveries) = unbounded_channel();
        let shared = Arc::new(Shared {
            key,
            answer: Arc::clone(&answer),
            deliveries: sender,
        });
        let serving = tokio::spawn(serve(listener, shared));
        Ok(Self {
            address,
            deliveries,
            answer,
            serving,
        })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    /// Answers like this from now on.
    pub fn answer(&self, answer: WebhookAnswer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// The next delivery.
    pub async fn next(&mut self) -> Option<WebhookDelivery> {
        self.deliveries.recv().await
    }

    /// The deliveries that have come and were not taken.
    pub fn taken(&mut self) -> Vec<WebhookDelivery> {
        std::iter::from_fn(|| self.deliveries.try_recv().ok()).collect()
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes);
        let body = body.unwrap_or_default();
        let verified = self.key.verify(&body, &parts.headers);
        let is_signed = verified.is_ok();
        let header = |name: &str| {
            let value = parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok());
            (name.to_owned(), value.unwrap_or_default().to_owned())
        };
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let headers = names.map(header).to_vec();
        let delivery = WebhookDelivery {
            id: headers[0].1.clone(),
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
            problem: verified.err().map(|error| error.to_string()),
            at: OffsetDateTime::now_utc(),
        };
        // Nobody may be interested.
        let _ = self.deliveries.send(delivery);
        let answer = self.answer.lock();
        let answer = answer.unwrap_or_else(PoisonError::into_inner).clone();
        let mut response = Response::new(Full::default());
        let mut status = |code| {
            *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
        };
        match answer {
            // Before anything else, as an application must.
            WebhookAnswer::Status(200) if !is_signed => status(401),
            WebhookAnswer::Trusting => status(200),
            WebhookAnswer::Status(code) => status(code),
            WebhookAnswer::Late(code, time) => {
                status(code);
                sleep(time).await;
            }
            WebhookAnswer::Nothing => std::future::pending().await,
            WebhookAnswer::Redirect(address) => {
                status(307);
                if let Ok(address) = address.parse() {
                    response.headers_mut().insert("location", address);
                }
            }
        }
        response
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(shared.answer(request).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
