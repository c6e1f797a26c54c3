//! What S3 is asked without its SDK, by the names of its API.

use bytes::Bytes;
use http::{Method, Uri};
use ring::digest::{SHA256, digest};
use slipway_core::{Error, ObjectKey, Sha256};

use crate::s3::S3;
use crate::sign::Ask;

impl S3 {
    /// What S3 says of an object, its checksum included: that is told only when asked for.
    pub(crate) fn head_object(&self, key: &ObjectKey) -> Result<Ask, Error> {
        let mut ask = self.about(Method::HEAD, key)?;
        ask.headers = vec![("x-amz-checksum-mode", "ENABLED".to_owned())];
        Ok(ask)
    }

    /// The first `count` bytes of an object.
    pub(crate) fn get_object(&self, key: &ObjectKey, count: usize) -> Result<Ask, Error> {
        let mut ask = self.about(Method::GET, key)?;
        ask.headers = vec![("range", format!("bytes=0-{}", count.saturating_sub(1)))];
        Ok(ask)
    }

    /// That an object goes.
    pub(crate) fn delete_object(&self, key: &ObjectKey) -> Result<Ask, Error> {
        self.about(Method::DELETE, key)
    }

    /// That all of `document` go; `any` is one of them.
    pub(crate) fn delete_objects(&self, any: &ObjectKey, document: String) -> Result<Ask, Error> {
        let object = self.location.object_url(any);
        // A key has three segments; what is before them is the bucket's.
        let bucket = object.rsplitn(4, '/').nth(3).unwrap_or_default();
        let mut ask = ask(Method::POST, &format!("{bucket}/?delete="))?;
        let checksum: [u8; 32] = digest(&SHA256, document.as_bytes())
            .as_ref()
            .try_into()
            .map_err(|error| Error::internal("hash a request to S3", error))?;
        ask.headers = vec![
            ("content-type", "application/xml".to_owned()),
            // S3 wants a checksum, of whichever kind.
            ("x-amz-checksum-sha256", Sha256(checksum).to_base64()),
        ];
        ask.body = document.into();
        Ok(ask)
    }

    fn about(&self, method: Method, key: &ObjectKey) -> Result<Ask, Error> {
        ask(method, &self.location.object_url(key))
    }
}

fn ask(method: Method, url: &str) -> Result<Ask, Error> {
    let uri: Uri = url
        .parse()
        .map_err(|error| Error::internal("address S3", error))?;
    Ok(Ask {
        method,
        uri,
        headers: Vec::new(),
        body: Bytes::new(),
    })
}
