//! An HTTP API as API Gateway is one: routes to functions by payload 2.0, CORS of its own, and its own words
//! where no function answers.
//!
//! Source of shapes and words: "AWS Lambda proxy integrations" and "Configure CORS for HTTP APIs", API Gateway
//! Developer Guide.
mod event;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::lambda::{Lambda, Outcome};

/// What an HTTP API waits for a function.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A method and a path such as `/files/{id}`, and the function that serves them.
#[derive(Clone, Debug)]
pub struct Route {
    /// Such as `GET`.
    pub method: Method,
    /// Its parts in braces stand for anything without a slash.
    pub path: String,
    /// Who answers.
    pub function: Arc<Lambda>,
}

/// A running API; it ends when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

struct Api {
    routes: Vec<Route>,
    origins: Vec<String>,
}

impl Gateway {
    /// Serves `routes` to anybody, and to pages of `origins` in browsers.
    pub async fn start(routes: Vec<Route>, origins: Vec<String>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let api = Arc::new(Api { routes, origins });
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

async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let api = Arc::clone(&api);
        let service = service_fn(move |request| {
            let api = Arc::clone(&api);
            async move { Ok::<_, Infallible>(api.answer(request).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let origin = request.headers().get(header::ORIGIN);
        let origin = origin.and_then(|origin| origin.to_str().ok());
        let allowed = self.origins.iter().find(|o| Some(o.as_str()) == origin);
        let allowed = allowed.and_then(|origin| HeaderValue::from_str(origin).ok());
        let preflight = request.method() == Method::OPTIONS;
        let mut response = if preflight {
            // Also for a page that may not call: it finds no permission in it.
            said(StatusCode::NO_CONTENT, "")
        } else {
            self.route(request).await
        };
        if let Some(allowed) = allowed {
            permit(response.headers_mut(), allowed, preflight);
        }
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let mut routes = self.routes.iter();
        let Some(route) = routes.find(|r| r.method == request.method() && leads(&r.path, path))
        else {
            return said(StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#);
        };
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return said(StatusCode::BAD_REQUEST, r#"{"message":"Bad Request"}"#);
        };
        let event = event::payload(&parts, &body.to_bytes(), &route.path);
        match route.function.invoke(&event, TIME_LIMIT).await {
            Outcome::Answered(answer) => passed_on(&answer).unwrap_or_else(failed),
            Outcome::Failed(_) => failed(),
            Outcome::TimedOut => said(
                StatusCode::SERVICE_UNAVAILABLE,
                r#"{"message":"Service Unavailable"}"#,
            ),
        }
    }
}

/// What `template.yaml` sets for the API.
fn permit(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if preflight {
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET,POST,DELETE"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization,content-type",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// Whether `path` is one that `pattern` stands for.
fn leads(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

/// The function's answer; none where it has no such shape.
fn passed_on(answer: &Value) -> Option<Response<Full<Bytes>>> {
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(text).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        let value = HeaderValue::from_str(value.as_str()?).ok()?;
        response.headers_mut().insert(name, value);
    }
    Some(response)
}

fn failed() -> Response<Full<Bytes>> {
    said(
        StatusCode::INTERNAL_SERVER_ERROR,
        r#"{"message":"Internal Server Error"}"#,
    )
}

fn said(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::leads;

    #[test]
    fn a_part_in_braces_stands_for_one_part() {
        assert!(leads("/files", "/files"));
        assert!(leads("/files/{id}", "/files/a"));
        for path in ["/files", "/files/", "/files/a/b", "/file/a"] {
            assert!(!leads("/files/{id}", path), "{path}");
        }
    }
}
