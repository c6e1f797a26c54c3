//! The page that the template hosts: who may read its bucket, which settings name its origin, and
//! its headers.

use serde_json::{Value, json};
use slipway_emulators::s3::CorsRule;

use super::template;

fn properties(resource: &str) -> &'static Value {
    let found = &template()["Resources"][resource];
    assert!(found.is_object(), "{resource}");
    &found["Properties"]
}

/// `https://`, the domain of the page or of CloudFront, and the rest.
fn address(rest: &str) -> Value {
    let sub = |host: &str| json!({ "Fn::Sub": format!("https://${{{host}}}{rest}") });
    let (own, other) = (sub("PageDomainName"), sub("PageDistribution.DomainName"));
    json!({ "Fn::If": ["HostsPageAtDomain", own, other] })
}

/// The value of a list parameter, with the origin of the hosted page.
fn with_page(parameter: &str, rest: &str) -> Value {
    let given = json!({ "Ref": parameter });
    let joined = |parts: Value| json!({ "Fn::Join": [",", parts] });
    let all = joined(json!([joined(given.clone()), address(rest)]));
    json!({ "Fn::If": ["HostsPage", { "Fn::Split": [",", all] }, given] })
}

#[test]
fn the_page_may_call_the_api_and_sign_in_returns_to_it() {
    let origins = with_page("AllowedOrigins", "");
    let api = &properties("Api")["CorsConfiguration"]["AllowOrigins"];
    let bucket = &properties("Bucket")["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"];
    let public = &properties("PublicHeaders")["ResponseHeadersPolicyConfig"]["CorsConfig"];
    for list in [api, bucket, &public["AccessControlAllowOrigins"]["Items"]] {
        assert_eq!(list, &origins);
    }
    let page = json!({ "Fn::If": [
        "HostsPageAtDomain",
        { "Fn::Sub": ",https://${PageDomainName}/" },
        { "Fn::Sub": ",https://${PageDistribution.DomainName}/" }
    ] });
    let page = json!({ "Fn::If": ["HostsPage", page, ""] });
    let given = json!({ "Fn::Join": ["/,", { "Ref": "AllowedOrigins" }] });
    let back = json!({ "Fn::Split": [",", { "Fn::Join": ["", [given, "/", page]] }] });
    for name in ["CallbackURLs", "LogoutURLs"] {
        assert_eq!(properties("UserPoolClient")[name], back, "{name}");
    }
    assert_eq!(template()["Outputs"]["PageUrl"]["Value"], address(""));
}

/// Uploads send the first three headers. Players and download managers request ranges, and read the
/// length and the name of a response.
#[test]
fn the_buckets_cors_rule_allows_what_clients_send_and_read() {
    let rule = &properties("Bucket")["CorsConfiguration"]["CorsRules"][0];
    let headers = json!([
        "content-type",
        "if-none-match",
        "range",
        "if-range",
        "x-amz-checksum-*"
    ]);
    let exposed = json!([
        "ETag",
        "Content-Length",
        "Content-Range",
        "Content-Disposition",
        "Accept-Ranges"
    ]);
    assert_eq!(rule["AllowedHeaders"], headers);
    assert_eq!(rule["ExposedHeaders"], exposed);
    let public = &properties("PublicHeaders")["ResponseHeadersPolicyConfig"]["CorsConfig"];
    assert_eq!(public["AccessControlExposeHeaders"]["Items"], exposed);
    // The local S3 has the same rule with other origins.
    let local = CorsRule::of_template(vec!["*".to_owned()]).expect("a rule");
    assert_eq!(json!(local.methods), rule["AllowedMethods"]);
    assert_eq!(json!(local.headers), headers);
    assert_eq!(json!(local.exposed), exposed);
    assert_eq!(json!(local.max_age), rule["MaxAge"]);
}

#[test]
fn only_cloudfront_reads_the_bucket_of_the_page() {
    let bucket = properties("PageBucket");
    let blocked = bucket["PublicAccessBlockConfiguration"].as_object();
    assert!(blocked.is_some_and(|all| all.len() == 4 && all.values().all(|one| one == true)));
    let statements = properties("PageBucketPolicy")["PolicyDocument"]["Statement"].as_array();
    let distribution =
        "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${PageDistribution}";
    let mut allowed = Vec::new();
    for statement in statements.expect("statements") {
        if statement["Effect"] == "Deny" {
            assert_eq!(
                statement["Condition"],
                json!({ "Bool": { "aws:SecureTransport": "false" } })
            );
            continue;
        }
        assert_eq!(
            statement["Principal"],
            json!({ "Service": "cloudfront.amazonaws.com" })
        );
        let ours = json!({ "StringEquals": { "AWS:SourceArn": { "Fn::Sub": distribution } } });
        assert_eq!(statement["Condition"], ours);
        allowed.push(statement["Action"].as_str());
    }
    assert_eq!(allowed, [Some("s3:GetObject"), Some("s3:ListBucket")]);
    assert_eq!(statements.map(Vec::len), Some(3));
}

/// A distribution that refers to the API or to the files' bucket would be a circular dependency:
/// both refer to the distribution.
#[test]
fn the_headers_protect_the_page_and_name_no_server() {
    let headers = &properties("PageHeaders")["ResponseHeadersPolicyConfig"];
    let policy =
        &headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"];
    let policy = policy
        .as_str()
        .expect("a text, of which nothing is filled in");
    for directive in [
        "script-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|one| one == directive), "{policy}");
    }
    let distribution = &properties("PageDistribution")["DistributionConfig"];
    let behaviour = &distribution["DefaultCacheBehavior"];
    assert_eq!(
        behaviour["ResponseHeadersPolicyId"],
        json!({ "Ref": "PageHeaders" })
    );
    assert_eq!(behaviour["ViewerProtocolPolicy"], "redirect-to-https");
    assert_eq!(distribution["DefaultRootObject"], "index.html");
    // Every `cache-control` of the files applies, down to zero.
    let cache = &properties("PageCache")["CachePolicyConfig"];
    assert_eq!(
        (&cache["MinTTL"], &cache["DefaultTTL"]),
        (&json!(0), &json!(0))
    );
}
