//! One HTTP request to this machine.

use std::io;
use std::net::Ipv4Addr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Sends a request and reads the whole answer. Dropping the future closes the
/// connection, which is how the other side learns that nobody waits any more.
pub(super) async fn send(
    port: u16,
    mut request: Request<Full<Bytes>>,
) -> io::Result<Response<Bytes>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(io::Error::other)?;
    let host = format!("127.0.0.1:{port}")
        .parse()
        .map_err(io::Error::other)?;
    request.headers_mut().insert(HOST, host);
    // Kept alive, the emulator answers 500 for a body that does not arrive in one piece with its head.
    let close = HeaderValue::from_static("close");
    request.headers_mut().insert(CONNECTION, close);
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        response = &mut exchange => response,
        // It may end with the answer already read.
        _ = connection => exchange.await,
    }
}

/// The same for a POST of some bytes.
pub(super) async fn post(
    port: u16,
    path: &str,
    body: impl Into<Bytes>,
) -> io::Result<Response<Bytes>> {
    let request = Request::post(path).body(Full::new(body.into()));
    send(port, request.map_err(io::Error::other)?).await
}
