//! An HTTP API of our own that answers as API Gateway does: routes to functions by payload 2.0, CORS, limits, and its own
//! errors where no function answers.
//!
//! Sources, all in the API Gateway Developer Guide: "Create AWS Lambda proxy integrations for HTTP APIs", "Create routes
//! for HTTP APIs", "Configure CORS for HTTP APIs", "Quotas for configuring and running an HTTP API", "Control access to
//! HTTP APIs with JWT authorizers".
//!
//! Only the answer of a function carries CORS headers, and the reply to a preflight. API Gateway's own errors (401, 404,
//! 413, 429, 5xx) carry none here. The guide promises CORS headers for "the response from an integration" alone, so a
//! page must cope without.
//!
//! It is kinder than API Gateway in three ways: it has no stages and no custom domains, it throttles only if it is told
//! to, and an authorizer is a closure of the caller instead of a fetch of the issuer's keys. Where the guide is silent this
//! file chooses, and says so at the place: the status of an oversized header, and whether `rawPath` is decoded.
mod body;
mod cors;
mod event;
mod reply;
mod route;
mod throttle;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::lambda::{Outcome, REQUEST_TOO_LARGE};
use reply::said;
use throttle::Bucket;

pub use route::Route;
pub use throttle::Throttle;

/// "Maximum integration timeout: 30 seconds".
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// "Total combined size of request line and header values: 10240 bytes".
const MAX_HEADERS: usize = 10_240;

/// Verifies a bearer token; returns its claims, or nothing if it is not valid.
pub type Authorizer = Arc<dyn Fn(&str) -> Option<Value> + Send + Sync>;

/// How an API is set up.
#[derive(Clone)]
pub struct Options {
    /// Where it listens; only ever an address of this machine.
    pub listen: SocketAddr,
    /// What it serves.
    pub routes: Vec<Route>,
    /// Origins of pages that may call it from a browser.
    pub origins: Vec<String>,
    /// Stands in front of every route, as a JWT authorizer does.
    pub authorizer: Option<Authorizer>,
    /// How many requests it lets through.
    pub throttle: Option<Throttle>,
    /// `TimeoutInMillis` of the integrations.
    pub time_limit: Duration,
}

impl Options {
    /// An API on any free port that serves `routes`, and pages of `origins` in browsers.
    #[must_use]
    pub fn new(routes: Vec<Route>, origins: Vec<String>) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            routes,
            origins,
            authorizer: None,
            throttle: None,
            time_limit: TIME_LIMIT,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("routes", &self.routes)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// A running API; it ends when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

struct Api {
    options: Options,
    bucket: Option<Mutex<Bucket>>,
}

impl Gateway {
    /// Serves `routes` to any client, and to pages of `origins` in browsers.
    pub async fn start(routes: Vec<Route>, origins: Vec<String>) -> io::Result<Self> {
        Self::start_with(Options::new(routes, origins)).await
    }

    /// The same, with everything that can be set.
    pub async fn start_with(mut options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        route::most_specific_first(&mut options.routes);
        let bucket = options.throttle.map(|limit| Mutex::new(Bucket::new(limit)));
        let api = Arc::new(Api { options, bucket });
        let serving = tokio::spawn(serve(listener, api));
        Ok(Self { address, serving })
    }

    /// Where it is, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Whether a request's `Host` names this machine by itself, whatever the port.
///
/// A website can point a name of its own at 127.0.0.1 and then call us without CORS ("DNS rebinding"). Its name stays in
/// the header, and API Gateway also answers 403 for a host that is not one of its own.
#[must_use]
pub fn is_local_host(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let name = host.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    });
    name.is_some_and(|name| {
        ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|ours| name.eq_ignore_ascii_case(ours))
    })
}

async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Too many are open.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let api = Arc::clone(&api);
        let service = service_fn(move |request| {
            let api = Arc::clone(&api);
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        let mut http = http1::Builder::new();
        // A client that never ends its header.
        http.timer(TokioTimer::new())
            .header_read_timeout(TIME_LIMIT);
        connections.spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if !is_local_host(request.headers()) {
            return said(StatusCode::FORBIDDEN, "Forbidden");
        }
        if size_of_head(&request) > MAX_HEADERS {
            // The guide names the quota and no status.
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return said(status, "Request Header Fields Too Large");
        }
        let allowed = cors::allowed(&self.options.origins, request.headers());
        if cors::is_preflight(&request) {
            return cors::preflight(allowed);
        }
        match self.integrate(request).await {
            Ok(answer) => cors::replaced(answer, allowed),
            // Not the answer of an integration.
            Err(own) => own,
        }
    }

    /// The function's answer, or else our own.
    async fn integrate(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let route = route::find(&self.options.routes, &parts.method, parts.uri.path())
            .ok_or_else(|| said(StatusCode::NOT_FOUND, "Not Found"))?;
        if let Some(bucket) = &self.bucket
            && !Bucket::take(bucket, Instant::now())
        {
            return Err(said(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"));
        }
        let authorized = self
            .authorize(&parts.headers)
            .map_err(|Unauthorized| reply::unauthorized())?;
        let body = body::read(body, &parts.headers).await?;
        let mut event = event::payload(&parts, &body, route.path);
        if let Some(claims) = authorized {
            event["requestContext"]["authorizer"] =
                json!({ "jwt": { "claims": claims, "scopes": null } });
        }
        let limit = self.options.time_limit;
        match route.function.invoke(&event, limit).await {
            Outcome::Answered(answer) => reply::passed_on(&answer).ok_or_else(reply::failed),
            Outcome::Failed(error) if error["errorType"] == REQUEST_TOO_LARGE => {
                Err(reply::too_large())
            }
            Outcome::Failed(_) => Err(reply::failed()),
            Outcome::TimedOut => Err(said(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")),
        }
    }

    /// The claims of the caller if there is an authorizer.
    fn authorize(&self, headers: &HeaderMap) -> Result<Option<Value>, Unauthorized> {
        let Some(authorizer) = &self.options.authorizer else {
            return Ok(None);
        };
        let header = headers.get(header::AUTHORIZATION);
        let header = header.and_then(|value| value.to_str().ok());
        let token = header.map(|value| {
            let bearer = value
                .get(..7)
                .is_some_and(|b| b.eq_ignore_ascii_case("bearer "));
            if bearer { value[7..].trim() } else { value }
        });
        match token.and_then(|token| authorizer(token)) {
            Some(claims) => Ok(Some(event::as_strings(&claims))),
            None => Err(Unauthorized),
        }
    }
}

/// The authorizer refused the token, or there is none.
struct Unauthorized;

fn size_of_head(request: &Request<Incoming>) -> usize {
    let target = request.uri().path_and_query();
    let line = request.method().as_str().len() + target.map_or(0, |it| it.as_str().len());
    let headers = request.headers().iter();
    line + headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum::<usize>()
}
