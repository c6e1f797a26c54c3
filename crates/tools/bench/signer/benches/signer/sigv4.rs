//! `aws-sigv4` used directly, without the SDK's client.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use slipway_bench_signer::cases::{AT, Job, Keys, REGION, SECONDS};
use slipway_bench_signer::ours::object_url;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(crate) struct Sigv4 {
    identity: Identity,
    time: SystemTime,
}

impl Sigv4 {
    pub(crate) fn new(keys: &Keys) -> Self {
        let keys = &keys.0;
        let identity = Credentials::new(
            &keys.access_key_id,
            &keys.secret_access_key,
            keys.session_token.clone(),
            None,
            "bench",
        );
        Self {
            identity: identity.into(),
            time: AT.into(),
        }
    }

    pub(crate) fn sign(&self, job: &Job) -> String {
        let mut url = format!("{}?x-id={}", object_url(job), job.operation);
        for (name, value) in &job.query {
            url.push('&');
            url.push_str(name);
            url.push('=');
            url.extend(utf8_percent_encode(value, ENCODED));
        }
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = Some(Duration::from_secs(SECONDS));
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(REGION)
            .name("s3")
            .time(self.time)
            .settings(settings)
            .build()
            .expect("all that it needs");
        let headers = job
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let request =
            SignableRequest::new(job.method, &url, headers, SignableBody::UnsignedPayload)
                .expect("a request");
        let (signature, _) = sign(request, &params.into()).expect("signed").into_parts();
        let mut request = http::Request::builder()
            .method(job.method)
            .uri(url)
            .body(())
            .expect("a request");
        signature.apply_to_request_http1x(&mut request);
        request.uri().to_string()
    }
}
