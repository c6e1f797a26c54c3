//! The SDK's presigner, as in every tutorial: one client, created once.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::presigning::PresigningConfig;
use tokio::runtime::{Builder, Runtime};

use slipway_bench_signer::cases::{AT, BUCKET, Job, Keys, REGION, SECONDS};

pub(crate) struct Sdk {
    client: Client,
    runtime: Runtime,
    presigning: PresigningConfig,
}

impl Sdk {
    pub(crate) fn new(keys: &Keys) -> Self {
        let keys = &keys.0;
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .credentials_provider(Credentials::new(
                &keys.access_key_id,
                &keys.secret_access_key,
                keys.session_token.clone(),
                None,
                "bench",
            ))
            .build();
        Self {
            client: Client::from_conf(config),
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            presigning: PresigningConfig::builder()
                .start_time(AT.into())
                .expires_in(Duration::from_secs(SECONDS))
                .build()
                .expect("a presigning config"),
        }
    }

    /// The SDK can only send metadata as a signed header, which the client must then send.
    pub(crate) fn sign(&self, job: &Job) -> String {
        let key = job.file.object_key.as_str();
        let presigning = self.presigning.clone();
        let signed = match job.operation {
            "PutObject" => {
                let mut put = self.client.put_object().bucket(BUCKET).key(key);
                if !job.query.is_empty() {
                    put = put.metadata("name", job.file_name.to_metadata());
                }
                let put = put
                    .content_type(&job.file.content_type)
                    .content_length(1_234_567);
                self.runtime
                    .block_on(put.presigned(presigning))
                    .expect("signed")
            }
            "UploadPart" => {
                let part = self.client.upload_part().bucket(BUCKET).key(key);
                let part = part.part_number(job.part.into()).upload_id(&job.query[1].1);
                let part = part.content_length(16_777_216);
                self.runtime
                    .block_on(part.presigned(presigning))
                    .expect("signed")
            }
            _ => {
                let get = self.client.get_object().bucket(BUCKET).key(key);
                let get = get.response_cache_control(&job.query[0].1);
                let get = get.response_content_disposition(&job.query[1].1);
                self.runtime
                    .block_on(get.presigned(presigning))
                    .expect("signed")
            }
        };
        signed.uri().to_owned()
    }
}
