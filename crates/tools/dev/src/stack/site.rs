//! Serves the built page to this machine, as a CDN would.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use slipway_emulators::gateway::is_local_host;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::page::plan::{cache_control, content_type};
use crate::page::policy::Hosts;
use crate::say;

/// The running server of the page. It stops when dropped.
pub(super) struct Site {
    /// The port.
    pub(super) port: u16,
    _serving: JoinSet<()>,
}

/// The files of a folder, and the address of the API.
struct Content {
    dist: PathBuf,
    config: String,
    policy: String,
}

impl Site {
    /// Serves `dist` on `port`, or on another port if it is taken.
    pub(super) async fn start(dist: PathBuf, port: u16, api: &str, s3: &str) -> io::Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        let port = listener.local_addr()?.port();
        let hosts = Hosts {
            api: api.to_owned(),
            files: BTreeSet::from([s3.to_owned()]),
            ..Hosts::default()
        };
        let content = Arc::new(Content {
            dist,
            config: json!({"api": api, "local": true}).to_string(),
            policy: format!("{}; frame-ancestors 'none'", hosts.policy()),
        });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, content));
        Ok(Self {
            port,
            _serving: serving,
        })
    }

    /// The URL of the page.
    pub(super) fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }
}

async fn accept(listener: TcpListener, content: Arc<Content>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            say::part("page", "cannot take a connection: too many are open");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        let content = Arc::clone(&content);
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let content = Arc::clone(&content);
                async move { Ok::<_, Infallible>(content.answer(&request).await) }
            });
            // A browser that closes the connection is not an error.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Content {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        // A website may have pointed its host name at this machine. Nothing here is secret, but it
        // is refused.
        if !is_local_host(request.headers()) {
            return plain(StatusCode::FORBIDDEN);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return plain(StatusCode::METHOD_NOT_ALLOWED);
        }
        let path = request.uri().path();
        if path == "/config.json" {
            return self.reply("config.json", self.config.clone().into());
        }
        let Some(file) = inside(path) else {
            return plain(StatusCode::NOT_FOUND);
        };
        let place = self.dist.join(&file);
        let read = super::blocking(move || std::fs::read(place)).await;
        match read {
            Ok(bytes) => self.reply(&file.to_string_lossy(), bytes.into()),
            Err(_) => plain(StatusCode::NOT_FOUND),
        }
    }

    fn reply(&self, file: &str, bytes: Bytes) -> Response<Full<Bytes>> {
        Response::builder()
            .header(CONTENT_TYPE, content_type(file))
            .header(CACHE_CONTROL, cache_control(file))
            .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(CONTENT_SECURITY_POLICY, &self.policy)
            .body(Full::new(bytes))
            .unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// The file of a path, never one outside of the folder.
fn inside(path: &str) -> Option<PathBuf> {
    let path = path.trim_start_matches('/');
    let file = Path::new(if path.is_empty() { "index.html" } else { path });
    let normal = |part| matches!(part, Component::Normal(_));
    file.components().all(normal).then(|| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_in_the_folder_are_served() {
        let check = |path: &str, file: Option<&str>| assert_eq!(inside(path), file.map(Into::into));
        check("/", Some("index.html"));
        check("/assets/a.js", Some("assets/a.js"));
        check("/../secret", None);
        check("/assets/../../secret", None);
        check("//etc/passwd", Some("etc/passwd"));
    }
}
