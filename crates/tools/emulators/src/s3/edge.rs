//! The layer around `s3s`: CORS (see `cors`), and rules for presigned URLs that `s3s` lacks.

use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use s3s::service::S3Service;
use s3s::{Body, HttpError, S3Error, S3ErrorCode};

use super::body::SharedBody;
use super::cors::CorsRule;
use super::fault::refuse;

const METADATA: &str = "x-amz-meta-";
/// A week: S3's limit for the lifetime of a presigned URL.
const LONGEST_EXPIRY: u64 = 7 * 24 * 60 * 60;
/// Responds to one request.
pub(super) async fn answer(
    service: Arc<S3Service>,
    cors: Arc<CorsRule>,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let mut response = if request.method() == Method::OPTIONS {
        let path = request.uri().path().trim_matches('/');
        cors.preflight(request.headers(), path.contains('/'))
    } else {
        let (method, asked) = (request.method().clone(), request.headers().clone());
        let mut response = serve(&service, request).await?;
        cors.answer(&asked, &method, response.headers_mut());
        response
    };
    let id = uuid::Uuid::now_v7().simple().to_string();
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    Ok(response)
}

async fn serve(
    service: &S3Service,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let body = SharedBody::new(body);
    // The client waits for `100 Continue` before it sends the body. Reading the body would make
    // hyper send it.
    let waits = parts.headers.contains_key(header::EXPECT);
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let response = match query.check(&parts.headers) {
        Ok(()) => {
            query.hoist(&mut parts.headers);
            parts.uri = canonical(parts.uri);
            let request = Request::from_parts(parts, Body::http_body(body.clone()));
            service.call(request).await?
        }
        Err(error) => error
            .to_http_response()
            .map_err(|error| HttpError::new(Box::new(error)))?,
    };
    if response.status().as_u16() >= StatusCode::BAD_REQUEST.as_u16() && !waits {
        body.drain().await;
    }
    Ok(response)
}

/// The characters that SigV4 does not encode in a path: RFC 3986's unreserved characters and the
/// slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The URI with its path encoded as S3 signs it, however it was sent. `s3s` also accepts a
/// signature of the path as it was sent, such as with a plain `@`; S3 does not.
fn canonical(uri: Uri) -> Uri {
    let bytes: Vec<u8> = percent_decode_str(uri.path()).collect();
    let path = percent_encode(&bytes, ENCODED).to_string();
    let path = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).unwrap_or(uri)
}

/// The decoded names and values of a query.
struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// S3's rules for a presigned URL, in addition to a correct signature.
    fn check(&self, headers: &HeaderMap) -> Result<(), S3Error> {
        if self.get("X-Amz-Algorithm").is_some() && headers.contains_key(header::AUTHORIZATION) {
            return Err(refuse(
                S3ErrorCode::InvalidArgument,
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                 parameter or the Authorization header should be specified",
            ));
        }
        if let Some(expires) = self.get("X-Amz-Expires")
            && expires
                .parse::<u64>()
                .is_ok_and(|seconds| seconds > LONGEST_EXPIRY)
        {
            return Err(refuse(
                S3ErrorCode::AuthorizationQueryParametersError,
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds",
            ));
        }
        if let Some(signed) = self.get("X-Amz-SignedHeaders")
            && headers
                .keys()
                .any(|name| must_be_signed(name) && !signed.split(';').any(|s| s == name.as_str()))
        {
            return Err(refuse(
                S3ErrorCode::AccessDenied,
                "There were headers present in the request which were not signed",
            ));
        }
        Ok(())
    }

    /// Treats metadata in a signed query as if it had come in headers. `s3s` verifies the signature
    /// with the original query and the signed headers only, so an added header changes nothing
    /// there. Checksums, tags and encryption are not copied: S3 ignores them in a query.
    fn hoist(&self, headers: &mut HeaderMap) {
        if self.get("X-Amz-Signature").is_none() {
            return;
        }
        for (name, value) in &self.0 {
            let name = name.to_ascii_lowercase();
            if !name.starts_with(METADATA) || headers.contains_key(&name) {
                continue;
            }
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
    }
}

fn must_be_signed(name: &HeaderName) -> bool {
    let name = name.as_str();
    // A presigned URL does not contain the body's hash; it is `UNSIGNED-PAYLOAD`.
    name.starts_with("x-amz-") && name != "x-amz-content-sha256" && name != "x-amz-user-agent"
}
