//! An HTTPS client on native-tls (linked for Postgres) and hyper (linked by the Lambda runtime), so
//! that a binary contains one TLS and one HTTP stack.
//!
//! [`client`] reuses its connections; the S3 client is built on it. [`send`] makes a single
//! request: to Secrets Manager at init, and to CloudFormation. [`Signer`] signs requests to AWS.

mod connector;
mod sigv4;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use native_tls::TlsConnector;
use tokio::time::timeout;

pub use connector::{ConnectTimeout, Connector};
pub use sigv4::Signer;

/// The longest response that [`send`] reads. A secret has at most 64 KiB.
const MOST_BYTES: usize = 256 * 1024;

/// A client that reuses its connections until they break.
pub type Client<B> = legacy::Client<Connector, B>;

/// TLS with the system's certificate authorities, or those in `SSL_CERT_FILE`.
///
/// The certificates are parsed once per process, because the bundle of a Linux distribution takes
/// tens of milliseconds.
pub fn tls() -> Result<TlsConnector, native_tls::Error> {
    static TLS: OnceLock<TlsConnector> = OnceLock::new();
    if let Some(tls) = TLS.get() {
        return Ok(tls.clone());
    }
    let tls = TlsConnector::new()?;
    Ok(TLS.get_or_init(|| tls).clone())
}

/// A client whose connections fail unless they are established within `limit`, including TLS.
pub fn client<B>(limit: Duration) -> Result<Client<B>, native_tls::Error>
where
    B: Body + Send + 'static + Unpin,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    // Without a timer, idle connections would never be closed.
    builder.pool_timer(TokioTimer::new());
    Ok(builder.build(Connector::new(tls()?, limit)))
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// The reason why there is no response. It does not contain the URL, which may be signed and so a
/// secret.
#[derive(Debug)]
pub enum Error {
    /// The URL is not allowed: only `https`, or `http` on loopback.
    Address(&'static str),
    /// The step that failed, and the cause.
    Failed(&'static str, String),
    /// There was no response in time.
    Timeout,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(problem) => write!(f, "the address {problem}"),
            Self::Failed(step, reason) => write!(f, "{step}: {reason}"),
            Self::Timeout => f.write_str("nothing was answered in time"),
        }
    }
}

impl std::error::Error for Error {}

fn failed(step: &'static str) -> impl FnOnce(&dyn fmt::Display) -> Error {
    move |error| Error::Failed(step, error.to_string())
}

/// Sends `request`, which has an absolute URI, and returns the response that arrives within
/// `limit`.
///
/// `https` verifies the certificate chain and the host. `http` is allowed on loopback only.
pub async fn send(request: Request<Bytes>, limit: Duration) -> Result<Answer, Error> {
    check(request.uri())?;
    timeout(limit, exchange(request, limit))
        .await
        .unwrap_or(Err(Error::Timeout))
}

async fn exchange(request: Request<Bytes>, limit: Duration) -> Result<Answer, Error> {
    let client = client(limit).map_err(|error| failed("starting TLS")(&error))?;
    let answer = client.request(request.map(Full::new)).await;
    read(answer.map_err(|error| failed("sending")(&innermost(&error)))?).await
}

fn check(uri: &Uri) -> Result<(), Error> {
    let host = uri.host().ok_or(Error::Address("has no host"))?;
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if ["127.0.0.1", "localhost"].contains(&host) => Ok(()),
        _ => Err(Error::Address("is not https")),
    }
}

/// The cause of hyper's "client error (Connect)", which is more specific and contains no address.
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a dyn std::error::Error {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}

async fn read(answer: http::Response<Incoming>) -> Result<Answer, Error> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await;
    let body = body.map_err(|error| failed("reading")(&error))?;
    Ok(Answer {
        status: head.status,
        body: body.to_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A server that answers one request with `answer`, and returns that request.
    async fn serve(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut came = Vec::new();
            while !came.ends_with(b"hello") {
                let read = stream.read_buf(&mut came).await.expect("a request");
                assert!(read > 0, "{}", String::from_utf8_lossy(&came));
            }
            stream
                .write_all(answer.as_bytes())
                .await
                .expect("an answer");
            String::from_utf8(came).expect("text")
        });
        (url, served)
    }

    fn put(url: &str) -> Request<Bytes> {
        Request::put(url)
            .header("content-type", "")
            .body(Bytes::from("hello"))
            .expect("a request")
    }

    #[tokio::test]
    async fn a_request_arrives_as_it_is_and_its_answer_comes_back() {
        let (url, served) = serve("HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nwhy").await;
        let answer = send(put(&format!("{url}/a%20b?c=d%2F")), LIMIT).await;
        let answer = answer.expect("an answer");
        assert_eq!(
            (answer.status.as_u16(), &answer.body[..]),
            (403, &b"why"[..])
        );
        let came = served.await.expect("served");
        assert!(came.starts_with("PUT /a%20b?c=d%2F HTTP/1.1\r\n"), "{came}");
        assert!(came.contains(&format!("host: {}\r\n", &url[7..])), "{came}");
        assert!(came.contains("content-type: \r\n"), "{came}");
        assert!(came.contains("content-length: 5\r\n"), "{came}");
    }

    #[tokio::test]
    async fn errors_name_no_address() {
        for url in [
            "http://example.com/?secret",
            "ftp://127.0.0.1/secret",
            "http://127.0.0.1:1/secret",
        ] {
            let error = send(put(url), LIMIT).await.expect_err(url).to_string();
            assert!(
                !error.contains("secret") && !error.contains("127"),
                "{error}"
            );
        }
        let huge = "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\nx";
        let (url, _served) = serve(huge).await;
        let error = send(put(&url), LIMIT).await.expect_err("too much");
        assert!(error.to_string().starts_with("reading"), "{error}");
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!(
            "http://{}/secret",
            listener.local_addr().expect("an address")
        );
        let error = send(put(&url), Duration::from_millis(50)).await;
        assert!(matches!(error, Err(Error::Timeout)), "{error:?}");
    }
}
