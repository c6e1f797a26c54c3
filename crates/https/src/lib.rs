//! One HTTPS request and its answer.
//!
//! For the two calls that need no client library: asking Secrets Manager at init, and answering CloudFormation. It
//! runs on the TLS that Postgres has brought along and on the Lambda runtime's HTTP, and keeps no connection.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use native_tls::TlsConnector;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More than either of the two ever answers: a secret has 64 KiB at most.
const MOST_BYTES: usize = 256 * 1024;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status, whatever it is.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer. It names no address: in a signed URL that is a secret.
#[derive(Debug)]
pub enum Error {
    /// The address is none that we would send to.
    Address(&'static str),
    /// The step that failed, and why.
    Failed(&'static str, String),
    /// Nothing came in time.
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

/// Sends `request`, whose URI is absolute, and answers what came back within `limit`.
///
/// `https` verifies chain and host by the system's roots (`SSL_CERT_FILE`, if set). `http` is for loopback alone.
pub async fn send(request: Request<Bytes>, limit: Duration) -> Result<Answer, Error> {
    timeout(limit, exchange(request))
        .await
        .unwrap_or(Err(Error::Timeout))
}

async fn exchange(mut request: Request<Bytes>) -> Result<Answer, Error> {
    let target = Target::of(request.uri())?;
    let authority = request.uri().authority().map(ToString::to_string);
    let authority = authority.ok_or(Error::Address("has no host"))?;
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    let host = http::HeaderValue::try_from(authority);
    let host = host.map_err(|_| Error::Address("has no host"))?;
    request.headers_mut().insert(http::header::HOST, host);

    let tcp = TcpStream::connect((target.host.as_str(), target.port)).await;
    let tcp = tcp.map_err(|error| failed("connecting")(&error))?;
    if !target.tls {
        return over(TokioIo::new(tcp), request).await;
    }
    let connector = TlsConnector::new().map_err(|error| failed("starting TLS")(&error))?;
    let connector = tokio_native_tls::TlsConnector::from(connector);
    let tls = connector.connect(&target.host, tcp).await;
    let tls = tls.map_err(|error| failed("TLS")(&error))?;
    over(TokioIo::new(tls), request).await
}

struct Target {
    tls: bool,
    host: String,
    port: u16,
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, Error> {
        let host = uri.host().ok_or(Error::Address("has no host"))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if ["127.0.0.1", "localhost"].contains(&host) => false,
            _ => return Err(Error::Address("is not https")),
        };
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let host = host.to_owned();
        Ok(Self { tls, host, port })
    }
}

async fn over(
    io: impl Read + Write + Unpin + Send + 'static,
    request: Request<Bytes>,
) -> Result<Answer, Error> {
    let shaken = hyper::client::conn::http1::handshake(io).await;
    let (mut sender, connection) = shaken.map_err(|error| failed("starting HTTP")(&error))?;
    let task = tokio::spawn(connection);
    let answer = sender.send_request(request.map(Full::new)).await;
    let answer = match answer {
        Ok(answer) => read(answer).await,
        Err(error) => Err(failed("sending")(&error)),
    };
    // Nobody sends anything more.
    task.abort();
    answer
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

    /// A server that answers `answer` to whatever comes, and tells what came.
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
