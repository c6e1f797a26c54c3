//! An emulator of API Gateway's HTTP APIs: routes to functions with payload 2.0, CORS, limits, and
//! its own error responses.
//!
//! Sources, all in the API Gateway Developer Guide: "Create AWS Lambda proxy integrations for HTTP
//! APIs", "Create routes for HTTP APIs", "Configure CORS for HTTP APIs", "Quotas for configuring
//! and running an HTTP API", "Control access to HTTP APIs with JWT authorizers".
//!
//! Only responses of functions and responses to preflights have CORS headers. API Gateway's own
//! errors (401, 404, 413, 429, 5xx) have none here. The guide promises CORS headers for "the
//! response from an integration" only, so a page must work without them.
//!
//! It is more lenient than API Gateway in three ways: it has no stages and no custom domains, it
//! throttles only if configured, and an authorizer is a closure instead of a download of the
//! issuer's keys. Where the guide is silent, a comment says what was chosen: the status for an
//! oversized header, and whether `rawPath` is decoded.
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
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::lambda::{InvocationResult, REQUEST_TOO_LARGE};
use reply::own_response;
use throttle::TokenBucket;

pub use event::GatewayEvent;
pub use route::GatewayRoute;
pub use throttle::Throttle;

/// "Maximum integration timeout: 30 seconds".
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// "Total combined size of request line and header values: 10240 bytes".
const MAX_HEADERS: usize = 10_240;

/// Verifies a bearer token. Returns its claims if it is valid.
pub type TokenVerifier = Arc<dyn Fn(&str) -> Option<Value> + Send + Sync>;

/// The configuration of an API.
#[derive(Clone)]
pub struct GatewayOptions {
    /// The address to listen on, always of this machine.
    pub listen: SocketAddr,
    /// The routes.
    pub routes: Vec<GatewayRoute>,
    /// The origins of pages that may call it from a browser.
    pub origins: Vec<String>,
    /// Verifies the token of every request, as a JWT authorizer does.
    pub authorizer: Option<TokenVerifier>,
    /// The limit of requests.
    pub throttle: Option<Throttle>,
    /// `TimeoutInMillis` of the integrations.
    pub time_limit: Duration,
}

impl GatewayOptions {
    /// An API on a free port that serves `routes`, also to pages of `origins` in browsers.
    #[must_use]
    pub fn new(routes: Vec<GatewayRoute>, origins: Vec<String>) -> Self {
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

impl fmt::Debug for GatewayOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayOptions")
            .field("listen", &self.listen)
            .field("routes", &self.routes)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// A running API. It stops when dropped.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

struct Api {
    options: GatewayOptions,
    bucket: Option<Mutex<TokenBucket>>,
}

impl Gateway {
    /// Serves `routes` to any client, and to pages of `origins` in browsers.
    pub async fn start(routes: Vec<GatewayRoute>, origins: Vec<String>) -> io::Result<Self> {
        Self::start_with(GatewayOptions::new(routes, origins)).await
    }

    /// The same with all options.
    pub async fn start_with(mut options: GatewayOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        route::most_specific_first(&mut options.routes);
        let bucket = options
            .throttle
            .map(|limit| Mutex::new(TokenBucket::new(limit)));
        let api = Arc::new(Api { options, bucket });
        let serving = tokio::spawn(serve(listener, api));
        Ok(Self { address, serving })
    }

    /// Its URL, such as `http://127.0.0.1:3000`.
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

/// Whether a request's `Host` is a name of this machine, with any port.
///
/// A website can resolve its own host name to 127.0.0.1 and then call us without CORS ("DNS
/// rebinding"). Its name is in the header. API Gateway also responds with 403 to a foreign host.
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
            // Too many files are open.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let api = Arc::clone(&api);
        let service = service_fn(move |request| {
            let api = Arc::clone(&api);
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        let mut http = http1::Builder::new();
        // Ends clients that never finish their headers.
        http.timer(TokioTimer::new())
            .header_read_timeout(TIME_LIMIT);
        connections.spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if !is_local_host(request.headers()) {
            return own_response(StatusCode::FORBIDDEN, "Forbidden");
        }
        if size_of_head(&request) > MAX_HEADERS {
            // The guide names the quota but no status.
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return own_response(status, "Request Header Fields Too Large");
        }
        let allowed = cors::allowed(&self.options.origins, request.headers());
        if cors::is_preflight(&request) {
            return cors::preflight(allowed);
        }
        match self.integrate(request).await {
            Ok(answer) => cors::replaced(answer, allowed),
            // Not the response of an integration.
            Err(own) => own,
        }
    }

    /// The function's response, or our own error.
    async fn integrate(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let route = route::find(&self.options.routes, &parts.method, parts.uri.path())
            .ok_or_else(|| own_response(StatusCode::NOT_FOUND, "Not Found"))?;
        if let Some(bucket) = &self.bucket
            && !TokenBucket::take(bucket, Instant::now())
        {
            return Err(own_response(
                StatusCode::TOO_MANY_REQUESTS,
                "Too Many Requests",
            ));
        }
        let authorized = self
            .authorize(&parts.headers)
            .map_err(|Unauthorized| reply::unauthorized())?;
        let body = body::read(body, &parts.headers).await?;
        let mut event = GatewayEvent::of(&parts, &body, route.path);
        if let Some(claims) = authorized {
            event = event.claims(&claims);
        }
        let limit = self.options.time_limit;
        match route.function.invoke(&event.0, limit).await {
            InvocationResult::Answered(answer) => {
                reply::from_function(&answer).ok_or_else(reply::failed)
            }
            InvocationResult::Failed(error) if error["errorType"] == REQUEST_TOO_LARGE => {
                Err(reply::too_large())
            }
            InvocationResult::Failed(_) => Err(reply::failed()),
            InvocationResult::TimedOut => Err(own_response(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable",
            )),
        }
    }

    /// The claims of the caller, if there is an authorizer.
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
            Some(claims) => Ok(Some(claims)),
            None => Err(Unauthorized),
        }
    }
}

/// The token is missing or invalid.
struct Unauthorized;

fn size_of_head(request: &Request<Incoming>) -> usize {
    let target = request.uri().path_and_query();
    let line = request.method().as_str().len() + target.map_or(0, |it| it.as_str().len());
    let headers = request.headers().iter();
    line + headers
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum::<usize>()
}
