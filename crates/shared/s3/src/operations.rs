//! The S3 operations that do not use the SDK, by their names in the S3 API.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH};
use http::request::Builder;
use http::{HeaderMap, Method, Request};
use ring::digest::{SHA256, digest};
use slipway_core::{Error, ObjectKey, Sha256};

use crate::s3::S3;

impl S3 {
    /// Requests the metadata of an object. S3 returns the checksum only on request.
    pub(crate) fn head_object(&self, key: &ObjectKey) -> Result<Request<Bytes>, Error> {
        let request = self.request(Method::HEAD, key);
        with_body(
            request.header("x-amz-checksum-mode", "ENABLED"),
            Bytes::new(),
        )
    }

    /// Requests the first `count` bytes of an object.
    pub(crate) fn get_object(
        &self,
        key: &ObjectKey,
        count: usize,
    ) -> Result<Request<Bytes>, Error> {
        let range = format!("bytes=0-{}", count.saturating_sub(1));
        let request = self.request(Method::GET, key);
        with_body(request.header("range", range), Bytes::new())
    }

    /// Copies an object onto itself with `headers` as all of its metadata.
    pub(crate) fn copy_object(
        &self,
        key: &ObjectKey,
        headers: HeaderMap,
    ) -> Result<Request<Bytes>, Error> {
        let mut request = self.request(Method::PUT, key);
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        let request = request
            .header("x-amz-copy-source", self.location.copy_source(key))
            // hyper sends no length for an empty body, and S3 requires one for every PUT.
            .header("content-length", "0");
        with_body(request, Bytes::new())
    }

    /// Requests a whole object, if its `ETag` is still `etag`.
    pub(crate) fn get_whole_object(
        &self,
        key: &ObjectKey,
        etag: &str,
    ) -> Result<Request<Bytes>, Error> {
        let request = self.request(Method::GET, key);
        with_body(
            request.header(IF_MATCH, format!("\"{etag}\"")),
            Bytes::new(),
        )
    }

    /// Creates or replaces an object.
    pub(crate) fn put_object(
        &self,
        key: &ObjectKey,
        content_type: &str,
        body: Bytes,
    ) -> Result<Request<Bytes>, Error> {
        let request = self.request(Method::PUT, key);
        with_body(request.header(CONTENT_TYPE, content_type), body)
    }

    /// Deletes an object.
    pub(crate) fn delete_object(&self, key: &ObjectKey) -> Result<Request<Bytes>, Error> {
        with_body(self.request(Method::DELETE, key), Bytes::new())
    }

    /// Deletes all objects of `document`.
    pub(crate) fn delete_objects(&self, document: String) -> Result<Request<Bytes>, Error> {
        let checksum: [u8; 32] = digest(&SHA256, document.as_bytes())
            .as_ref()
            .try_into()
            .map_err(|error| Error::internal("hash a request to S3", error))?;
        let request = Request::post(format!("{}?delete=", self.location.bucket_url()))
            .header("content-type", "application/xml")
            // S3 requires a checksum of any kind.
            .header("x-amz-checksum-sha256", Sha256(checksum).to_base64());
        with_body(request, document.into())
    }

    fn request(&self, method: Method, key: &ObjectKey) -> Builder {
        let url = self.location.object_url(key);
        Request::builder().method(method).uri(url)
    }
}

fn with_body(request: Builder, body: Bytes) -> Result<Request<Bytes>, Error> {
    request
        .body(body)
        .map_err(|error| Error::internal("address S3", error))
}
