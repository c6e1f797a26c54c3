//! Every signed URL equals the SDK's byte for byte. For URLs that the SDK cannot create, the
//! reference is `aws-sigv4` used directly.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::{
    BehaviorVersion, Credentials as SdkCredentials, Region, RequestChecksumCalculation,
};
use aws_sdk_s3::presigning::PresigningConfig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use slipway_core::{FileId, FileName, UserId};

use super::*;

fn key(sub: &str, name: &str) -> ObjectKey {
    let owner = UserId::parse(sub).expect("a sub");
    ObjectKey::new(
        owner,
        FileId::new(),
        &FileName::parse(name).expect("a name"),
    )
}

fn signer(token: Option<&str>, endpoint: Option<&str>) -> (Signer, aws_sdk_s3::Client) {
    let (bucket, region) = ("photos", "eu-central-1");
    let location = match endpoint {
        Some(endpoint) => {
            Location::at_endpoint(bucket.into(), region.into(), "S3_ENDPOINT", endpoint)
                .expect("an endpoint")
        }
        None => Location::at_aws(bucket.into(), region.into()),
    };
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        session_token: token.map(Into::into),
        expires_at: None,
    };
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .force_path_style(endpoint.is_some())
        .credentials_provider(SdkCredentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            credentials.session_token.clone(),
            None,
            "test",
        ));
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    (
        Signer::new(location, credentials),
        aws_sdk_s3::Client::from_conf(config.build()),
    )
}

fn presigning(at: OffsetDateTime, seconds: u64) -> PresigningConfig {
    PresigningConfig::builder()
        .start_time(
            SystemTime::UNIX_EPOCH
                + Duration::from_secs(at.unix_timestamp().try_into().expect("after 1970")),
        )
        .expires_in(Duration::from_secs(seconds))
        .build()
        .expect("a presigning config")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Any text without NUL, and subs with characters that a path encodes.
fn any_sub() -> impl Strategy<Value = String> {
    prop_oneof!["[^\0]{1,60}", "[a-z.@|~]{1,60}"]
}

/// Content types with all parameters that browsers may send, with runs of spaces at the ends,
/// inside and in quotes.
fn any_type() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("text/plain".to_owned()),
        "text/plain( {0,3};[ -~]{0,40})?",
        "video/webm;( {0,3}[a-z=\",;] {0,3}){0,12}",
    ]
}

prop_compose! {
    fn any_signer()(token in proptest::option::of("[A-Za-z0-9/+=]{1,1200}"), endpoint in proptest::option::of(
        prop_oneof![Just("http://127.0.0.1:9000"), Just("https://s3.example.com")]
    )) -> (Signer, aws_sdk_s3::Client) {
        signer(token.as_deref(), endpoint)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reads_equal_the_sdks(
        (signer, client) in any_signer(),
        sub in any_sub(),
        name in "\\PC{1,80}",
        at in 946_684_800_i64..4_102_444_800,
        seconds in 1_u64..=43_200,
        disposition in proptest::option::of("[ -~]{1,80}"),
    ) {
        let key = key(&sub, &name);
        let at = OffsetDateTime::from_unix_timestamp(at).expect("a time");
        let mut query = vec![("response-cache-control", "private, max-age=450")];
        if let Some(disposition) = &disposition {
            query.push(("response-content-disposition", disposition));
        }
        let ours = signer.sign(&Request {
            method: "GET", key: &key, operation: "GetObject", query: &query, headers: &[], at, seconds,
        });
        let theirs = block_on(client.get_object().bucket("photos").key(key.as_str())
            .response_cache_control("private, max-age=450")
            .set_response_content_disposition(disposition.clone())
            .presigned(presigning(at, seconds))).expect("the SDK signs");
        prop_assert_eq!(ours.url, theirs.uri());
    }

    #[test]
    fn writes_equal_the_sdks(
        (signer, client) in any_signer(),
        sub in any_sub(),
        at in 946_684_800_i64..4_102_444_800,
        seconds in 1_u64..=43_200,
        size in proptest::option::of(0_u64..=5_368_709_120),
        checksum in proptest::option::of(any::<[u8; 32]>()),
        write_once in any::<bool>(),
        content_type in any_type(),
    ) {
        let key = key(&sub, "a b.txt");
        let at = OffsetDateTime::from_unix_timestamp(at).expect("a time");
        let size_text = size.map(|size| size.to_string());
        let checksum = checksum.map(|bytes| slipway_core::Sha256(bytes).to_base64());
        let mut headers = Vec::new();
        if let Some(size) = &size_text { headers.push(("content-length", size.as_str())); }
        headers.push(("content-type", &content_type));
        if write_once { headers.push(("if-none-match", "*")); }
        if let Some(checksum) = &checksum { headers.push(("x-amz-checksum-sha256", checksum.as_str())); }
        let ours = signer.sign(&Request {
            method: "PUT", key: &key, operation: "PutObject", query: &[], headers: &headers, at, seconds,
        });
        let theirs = block_on(client.put_object().bucket("photos").key(key.as_str())
            .content_type(&content_type)
            .set_content_length(size.map(|size| size.try_into().expect("fits")))
            .set_checksum_sha256(checksum.clone())
            .set_if_none_match(write_once.then(|| "*".to_owned()))
            .presigned(presigning(at, seconds))).expect("the SDK signs");
        prop_assert_eq!(ours.url, theirs.uri());
    }

    #[test]
    fn uploads_equal_what_sigv4_makes(
        (signer, _) in any_signer(),
        sub in any_sub(),
        name in "\\PC{1,192}",
        at in 946_684_800_i64..4_102_444_800,
        seconds in 1_u64..=43_200,
        size in proptest::option::of(0_u64..=5_368_709_120),
        checksum in proptest::option::of(any::<[u8; 32]>().prop_map(slipway_core::Sha256)),
        write_once in any::<bool>(),
        by_rule in any::<bool>(),
        content_type in any_type(),
        rule in proptest::option::of("[a-z0-9-]{1,32}"),
        entries in proptest::collection::btree_map("[A-Za-z0-9_-]{1,9}", "[^\\p{Cc}]{0,9}", 0..4),
    ) {
        let key = key(&sub, &name);
        let at = OffsetDateTime::from_unix_timestamp(at).expect("a time");
        let file_name = FileName::parse(name).expect("a name");
        let content_type = slipway_core::ContentType::parse(content_type).expect("a type");
        let mut headers = vec![("content-type", content_type.as_str().to_owned())];
        headers.extend(size.map(|size| ("content-length", size.to_string())));
        headers.extend((write_once || by_rule).then(|| ("if-none-match", "*".to_owned())));
        headers.extend(checksum.map(|sum| ("x-amz-checksum-sha256", sum.to_base64())));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let json = serde_json::to_string(&entries).expect("JSON");
        let metadata = slipway_core::Metadata::from_json(json.as_bytes()).expect("small");
        let mut query = String::new();
        if !entries.is_empty() {
            query = format!("&x-amz-meta-data={}", URL_SAFE_NO_PAD.encode(&json));
        }
        query += "&x-amz-meta-name=";
        query += &file_name.to_metadata();
        query.extend(rule.iter().map(|rule| format!("&x-amz-meta-rule={rule}")));
        let rule = rule.as_deref().and_then(slipway_core::RuleName::parse);
        let theirs = sigv4_put(&signer, &key, &query, &headers, at, seconds);
        let env = [("UPLOAD_URL_SECONDS", seconds.to_string()), ("WRITE_ONCE", write_once.to_string())];
        let urls = crate::UploadUrls::from_env(&env.into_iter().collect(), signer).expect("a configuration");
        let upload = crate::Upload {
            key: &key, file_name: &file_name, content_type: &content_type, size, checksum,
            metadata: &metadata, rule: rule.as_ref(), write_once: by_rule,
        };
        prop_assert_eq!(urls.put(&upload, at).signed.url, theirs);
    }

    #[test]
    fn parts_equal_the_sdks(
        (signer, client) in any_signer(),
        sub in any_sub(),
        at in 946_684_800_i64..4_102_444_800,
        seconds in 1_u64..=43_200,
        number in 1_u16..=10_000,
        size in 1_u64..=5_368_709_120,
        // Upload ids as AWS creates them, and any that another server may create.
        upload_id in prop_oneof!["[A-Za-z0-9._-]{60,140}", "[ -~]{1,60}"],
    ) {
        let key = key(&sub, "a b.txt");
        let at = OffsetDateTime::from_unix_timestamp(at).expect("a time");
        let env = [("UPLOAD_URL_SECONDS", seconds.to_string())];
        let urls = crate::UploadUrls::from_env(&env.into_iter().collect(), signer).expect("a configuration");
        let ours = urls.part(&crate::UploadPart { key: &key, upload_id: &upload_id, number, size }, at);
        let theirs = block_on(client.upload_part().bucket("photos").key(key.as_str())
            .part_number(number.into())
            .upload_id(&upload_id)
            .content_length(size.try_into().expect("fits"))
            .presigned(presigning(at, seconds))).expect("the SDK signs");
        prop_assert_eq!(ours.url, theirs.uri());
    }
}

/// The URL from `aws-sigv4` for a PUT that carries `metadata` in its query, which the SDK cannot
/// create.
fn sigv4_put(
    signer: &Signer,
    key: &ObjectKey,
    query: &str,
    headers: &[(&str, &str)],
    at: OffsetDateTime,
    seconds: u64,
) -> String {
    use aws_sigv4::http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    };
    let keys = &signer.credentials;
    let identity = SdkCredentials::new(
        &keys.access_key_id,
        &keys.secret_access_key,
        keys.session_token.clone(),
        None,
        "test",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.expires_in = Some(Duration::from_secs(seconds));
    let params = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region(&signer.location.region)
        .name("s3")
        .time(at.into())
        .settings(settings)
        .build()
        .expect("all that it needs");
    let object = signer.location.object_url(key);
    let url = format!("{object}?x-id=PutObject{query}");
    let headers = headers.iter().copied();
    let request = SignableRequest::new("PUT", &url, headers, SignableBody::UnsignedPayload)
        .expect("a request");
    let (added, _) = sign(request, &params.into()).expect("signed").into_parts();
    let added = added.params().iter().map(|(name, value)| {
        let mut encoded = Vec::new();
        write_encoded(value, &mut encoded);
        format!("&{name}={}", String::from_utf8(encoded).expect("text"))
    });
    url.clone() + &added.collect::<String>()
}

#[test]
fn the_key_of_the_day_changes_at_midnight() {
    let (signer, _) = signer(None, None);
    let key = key("alice", "a.txt");
    let sign = |at| {
        signer.sign(&Request {
            method: "GET",
            key: &key,
            operation: "GetObject",
            query: &[],
            headers: &[],
            at,
            seconds: 60,
        })
    };
    let before = time::macros::datetime!(2026-11-20 23:59:59 UTC);
    let after = before + time::Duration::SECOND;
    let first = sign(before);
    assert!(first.url.contains("%2F20261120%2F"));
    assert!(sign(after).url.contains("%2F20261121%2F"));
    assert_eq!(sign(before), first);
}

#[test]
fn a_url_ends_with_its_session() {
    let (mut signer, _) = signer(Some("token"), None);
    let at = time::macros::datetime!(2026-11-20 12:00:00 UTC);
    signer.credentials.expires_at = Some(at + time::Duration::seconds(10));
    let key = key("alice", "a.txt");
    let url = signer.sign(&Request {
        method: "GET",
        key: &key,
        operation: "GetObject",
        query: &[],
        headers: &[],
        at,
        seconds: 60,
    });
    assert_eq!(url.expires_at, at + time::Duration::seconds(10));
}
