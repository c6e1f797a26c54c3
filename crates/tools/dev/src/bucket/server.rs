//! The server at `S3_ENDPOINT`, and requests to its bucket.

use std::io;

use hyper::Method;
use slipway_core::env::Environment;
use slipway_s3_urls::Location;

use super::sign::{Keys, signed};
use crate::doctor::http::{Answer, Http};
use crate::doctor::s3;

/// An S3-compatible server, and the bucket there.
pub(crate) struct Server {
    location: Location,
    /// Without a slash at the end.
    address: String,
    keys: Keys,
    http: Http,
}

/// Whether the bucket exists.
pub(crate) enum Found {
    There,
    Missing,
    /// The server does not say, because of this.
    Unclear(String),
}

impl Server {
    /// Reads where the functions would look for S3; `None` at AWS.
    pub(crate) fn from_env() -> io::Result<Option<Self>> {
        let get = |name: &str| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            // As the local stack sets it for the functions.
            value.or_else(|| (name == "AWS_REGION").then(|| "us-east-1".to_owned()))
        };
        let env = &Environment::new(get);
        let location = Location::from_env(env).map_err(io::Error::other)?;
        let Some(address) = location.endpoint.clone() else {
            return Ok(None);
        };
        let keys = Keys {
            access_key: env
                .required("AWS_ACCESS_KEY_ID")
                .map_err(io::Error::other)?,
            secret_key: env
                .required("AWS_SECRET_ACCESS_KEY")
                .map_err(io::Error::other)?,
            token: env.optional("AWS_SESSION_TOKEN"),
        };
        Ok(Some(Self {
            location,
            address,
            keys,
            http: Http::new()?,
        }))
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.location.bucket
    }

    pub(crate) fn region(&self) -> &str {
        &self.location.region
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn url(&self) -> String {
        format!("{}/{}", self.address, self.location.bucket)
    }

    /// Asks whether the bucket is there.
    pub(crate) async fn find(&self) -> io::Result<Found> {
        let answer = self.ask(Method::HEAD, "", "").await?;
        Ok(match answer.status.as_u16() {
            200..=299 => Found::There,
            404 => Found::Missing,
            // An answer to HEAD has no body, so no code: a list says why.
            _ => Found::Unclear(s3::fault(&self.ask(Method::GET, "", "").await?).1),
        })
    }

    /// Sends a signed request about the bucket; `query` is the name of a subresource.
    pub(crate) async fn ask(&self, method: Method, query: &str, body: &str) -> io::Result<Answer> {
        self.ask_at(&self.url(), method, query, body).await
    }

    /// Puts an object and deletes it again, as a function would; an error says why it was refused.
    pub(crate) async fn probe(&self) -> io::Result<Result<(), String>> {
        let url = format!("{}/slipway-probe", self.url());
        let put = self.ask_at(&url, Method::PUT, "", "probe").await?;
        if !put.status.is_success() {
            return Ok(Err(s3::code(&put)));
        }
        self.ask_at(&url, Method::DELETE, "", "").await?;
        Ok(Ok(()))
    }

    async fn ask_at(
        &self,
        url: &str,
        method: Method,
        query: &str,
        body: &str,
    ) -> io::Result<Answer> {
        let path = url.splitn(4, '/').last().unwrap_or_default();
        let headers = signed(
            &self.keys,
            &self.location.region,
            method.as_str(),
            self.location.host(),
            &format!("/{path}"),
            query,
            body,
        );
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{url}{mark}{query}");
        self.send(method, &url, &headers, body).await
    }

    /// The list, as anybody may ask for it.
    pub(crate) async fn anonymous(&self) -> io::Result<Answer> {
        self.send(Method::GET, &self.url(), &[], "").await
    }

    /// Why a browser would refuse an upload of a page at `origin`.
    pub(crate) async fn preflight(&self, origin: &str) -> io::Result<Option<String>> {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            (
                "access-control-request-headers",
                "content-type,if-none-match,x-amz-checksum-sha256",
            ),
        ];
        let url = format!("{}/k", self.url());
        let answer = self.send(Method::OPTIONS, &url, &headers, "").await?;
        let allowed = answer.header("access-control-allow-origin");
        let allowed = allowed.is_some_and(|allowed| allowed == "*" || allowed == origin);
        Ok((!allowed || !answer.status.is_success())
            .then(|| format!("a preflight is answered by {}", s3::code(&answer))))
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        let sent = self.http.send(method, url, headers, body.to_owned()).await;
        sent.map_err(|error| io::Error::other(format!("{} does not answer: {error}", self.address)))
    }
}
