//! The server at `S3_ENDPOINT`, and requests to its bucket.

use std::io;

use hyper::Method;
use slipway_core::env::Environment;
use slipway_s3_urls::Location;

use super::sign::{AccessKey, signed};
use crate::doctor::http::{Http, HttpResponse};
use crate::doctor::s3;

/// An S3-compatible server with the bucket of `S3_BUCKET_NAME`.
pub(crate) struct S3CompatibleServer {
    location: Location,
    /// The URL, without a slash at the end.
    address: String,
    keys: AccessKey,
    http: Http,
}

/// Whether the bucket exists.
pub(crate) enum BucketState {
    Exists,
    Missing,
    /// The server does not report it; this is the reason.
    Unknown(String),
}

impl S3CompatibleServer {
    /// Reads the variables of the functions. `None` means AWS.
    pub(crate) fn from_env() -> io::Result<Option<Self>> {
        let get = |name: &str| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            // The default of the local stack.
            value.or_else(|| (name == "AWS_REGION").then(|| "us-east-1".to_owned()))
        };
        let env = &Environment::new(get);
        let location = Location::from_env(env).map_err(io::Error::other)?;
        let Some(address) = location.endpoint.clone() else {
            return Ok(None);
        };
        let keys = AccessKey {
            id: env
                .required("AWS_ACCESS_KEY_ID")
                .map_err(io::Error::other)?,
            secret: env
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

    /// The URL of the server.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn url(&self) -> String {
        format!("{}/{}", self.address, self.location.bucket)
    }

    /// Checks whether the bucket exists.
    pub(crate) async fn state(&self) -> io::Result<BucketState> {
        let answer = self.request(Method::HEAD, "", "").await?;
        Ok(match answer.status.as_u16() {
            200..=299 => BucketState::Exists,
            404 => BucketState::Missing,
            // A response to HEAD has no body and so no error code. A list request returns the code.
            _ => BucketState::Unknown(s3::fault(&self.request(Method::GET, "", "").await?).1),
        })
    }

    /// Sends a signed request about the bucket. `query` is the name of a subresource.
    pub(crate) async fn request(
        &self,
        method: Method,
        query: &str,
        body: &str,
    ) -> io::Result<HttpResponse> {
        self.request_at(&self.url(), method, query, body).await
    }

    /// Uploads an object and deletes it again, as a function would. The error is the reason of a
    /// refusal.
    pub(crate) async fn probe(&self) -> io::Result<Result<(), String>> {
        let url = format!("{}/slipway-probe", self.url());
        let put = self.request_at(&url, Method::PUT, "", "probe").await?;
        if !put.status.is_success() {
            return Ok(Err(s3::code(&put)));
        }
        self.request_at(&url, Method::DELETE, "", "").await?;
        Ok(Ok(()))
    }

    async fn request_at(
        &self,
        url: &str,
        method: Method,
        query: &str,
        body: &str,
    ) -> io::Result<HttpResponse> {
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

    /// Lists the bucket without a signature.
    pub(crate) async fn anonymous(&self) -> io::Result<HttpResponse> {
        self.send(Method::GET, &self.url(), &[], "").await
    }

    /// The reason why a browser would refuse an upload from a page at `origin`.
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
            .then(|| format!("the preflight response is {}", s3::code(&answer))))
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<HttpResponse> {
        let sent = self.http.send(method, url, headers, body.to_owned()).await;
        sent.map_err(|error| {
            io::Error::other(format!("{} does not respond: {error}", self.address))
        })
    }
}
