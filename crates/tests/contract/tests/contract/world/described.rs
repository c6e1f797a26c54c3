//! Objects with any user metadata, uploaded by hand or copied onto themselves.

use std::collections::HashMap;

use aws_sdk_s3::types::MetadataDirective;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{BUCKET, World};

/// The values of `x-amz-meta-name` and `x-amz-meta-data`.
pub(crate) fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

impl World {
    /// Uploads bytes by hand with these values of `x-amz-meta-*`.
    pub(crate) async fn put_described(
        &self,
        key: &str,
        kind: &str,
        bytes: &[u8],
        metadata: &[(&str, &str)],
    ) {
        let put = self.s3().await.put_object().bucket(BUCKET).key(key);
        let put = put.content_type(kind).body(bytes.to_vec().into());
        // The SDK's futures are too large to move around.
        Box::pin(put.set_metadata(Some(owned(metadata))).send())
            .await
            .unwrap();
    }

    /// Copies an object onto itself with other values of `x-amz-meta-*`, as a rename does.
    pub(crate) async fn describe(&self, key: &str, metadata: &[(&str, &str)]) {
        let s3 = self.s3().await;
        let head = s3.head_object().bucket(BUCKET).key(key);
        let head = Box::pin(head.send()).await.unwrap();
        let source = utf8_percent_encode(key, NON_ALPHANUMERIC);
        let copy = s3
            .copy_object()
            .bucket(BUCKET)
            .key(key)
            .copy_source(format!("{BUCKET}/{source}"))
            .metadata_directive(MetadataDirective::Replace)
            .set_metadata(Some(owned(metadata)))
            .set_content_type(head.content_type);
        Box::pin(copy.send()).await.unwrap();
    }

    /// The values of `x-amz-meta-*` in S3.
    pub(crate) async fn described(&self, key: &str) -> HashMap<String, String> {
        let head = self.s3().await.head_object().bucket(BUCKET).key(key);
        Box::pin(head.send())
            .await
            .unwrap()
            .metadata
            .unwrap_or_default()
    }
}

fn owned(metadata: &[(&str, &str)]) -> HashMap<String, String> {
    metadata
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
