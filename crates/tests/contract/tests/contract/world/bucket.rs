//! The bucket as its administrator sees it, without any function.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::ProvideErrorMetadata as _;

use super::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY, World};

impl World {
    /// The bytes under a key, if there is an object.
    pub(crate) async fn object(&self, key: &str) -> Option<Vec<u8>> {
        let get = self
            .s3()
            .await
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await;
        match get {
            Ok(object) => Some(object.body.collect().await.unwrap().to_vec()),
            Err(error) => {
                assert_eq!(error.code(), Some("NoSuchKey"));
                None
            }
        }
    }

    /// Whether the bucket is empty.
    pub(crate) async fn is_empty(&self) -> bool {
        self.objects().await.is_empty()
    }

    /// Every key with the length of its object, up to a page.
    pub(crate) async fn objects(&self) -> Vec<(String, i64)> {
        let list = self.s3().await.list_objects_v2().bucket(BUCKET);
        let page = Box::pin(list.send()).await.unwrap();
        assert_eq!(page.is_truncated(), Some(false));
        let objects = page.contents().iter();
        objects
            .map(|object| (object.key().unwrap().to_owned(), object.size().unwrap()))
            .collect()
    }

    /// Uploads an object by hand.
    pub(crate) async fn put_object(&self, key: &str, kind: &str, bytes: &[u8]) {
        let put = self.s3().await.put_object().bucket(BUCKET).key(key);
        let put = put.content_type(kind).body(bytes.to_vec().into());
        // The SDK's futures are too large to move around.
        Box::pin(put.send()).await.unwrap();
    }

    /// Removes an object by hand.
    pub(crate) async fn remove_object(&self, key: &str) {
        let delete = self.s3().await.delete_object().bucket(BUCKET).key(key);
        Box::pin(delete.send()).await.unwrap();
    }

    pub(crate) async fn s3(&self) -> &Client {
        let make = async || client(self.endpoint());
        self.s3.get_or_init(make).await
    }
}

fn client(endpoint: String) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(
            ACCESS_KEY, SECRET_KEY, None, None, "tests",
        ))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}
