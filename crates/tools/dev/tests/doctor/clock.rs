//! A proxy that changes the headers of answers: a server whose clock is off, or one that loses metadata.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{DATE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What it does to the headers of an answer.
type Change = Arc<dyn Fn(&mut HeaderMap) + Send + Sync>;

/// A proxy; it ends when dropped.
pub(crate) struct Before {
    port: u16,
    serving: JoinHandle<()>,
}

impl Before {
    /// Stands before `endpoint`, whose time it tells as `ahead` of what it is.
    pub(crate) async fn shifting_the_clock(endpoint: &str, ahead: Duration) -> Self {
        let change = move |headers: &mut HeaderMap| {
            let date = OffsetDateTime::from(SystemTime::now() + ahead)
                .format(&Rfc2822)
                .expect("a date");
            let date = date.replace("+0000", "GMT");
            headers.insert(DATE, HeaderValue::try_from(date).expect("a header"));
        };
        Self::start(endpoint, Arc::new(change)).await
    }

    /// Stands before an S3 server that stores no metadata of a signed query.
    pub(crate) async fn losing_metadata(endpoint: &str) -> Self {
        let change = |headers: &mut HeaderMap| {
            let lost = headers
                .keys()
                .filter(|name| name.as_str().starts_with("x-amz-meta-"))
                .cloned()
                .collect::<Vec<_>>();
            for name in lost {
                headers.remove(name);
            }
        };
        Self::start(endpoint, Arc::new(change)).await
    }

    async fn start(endpoint: &str, change: Change) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(serve(listener, endpoint.to_owned(), change));
        Self { port, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Before {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, endpoint: String, change: Change) {
    while let Ok((stream, _)) = listener.accept().await {
        let (endpoint, change) = (endpoint.clone(), Arc::clone(&change));
        let service = service_fn(move |request| {
            let (endpoint, change) = (endpoint.clone(), Arc::clone(&change));
            async move { Ok::<_, Infallible>(pass(request, &endpoint, &change).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn pass(
    request: Request<Incoming>,
    endpoint: &str,
    change: &Change,
) -> Response<Full<Bytes>> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    parts.uri = format!("{endpoint}{}", parts.uri).parse().expect("a URL");
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let answer = client
        .request(Request::from_parts(parts, Full::new(body)))
        .await
        .expect("an answer");
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    change(&mut parts.headers);
    // The body is sent anew, in one piece.
    parts.headers.remove(hyper::header::TRANSFER_ENCODING);
    Response::from_parts(parts, Full::new(body))
}
