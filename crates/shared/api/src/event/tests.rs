//! Our event parser returns the same as `lambda_http`.

use std::collections::BTreeMap;
use std::path::Path;

use lambda_http::RequestExt as _;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::RequestContext;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::*;

/// The result of both parsers for an event: method, path, query, the header with the token, and the
/// body.
type Said = (String, String, Vec<(String, String)>, Vec<String>, Vec<u8>);

fn owner_claim(name: &str) -> OwnerClaim {
    let env = [("OWNER_CLAIM", name)].into_iter().collect();
    OwnerClaim::from_env(&env).expect("a claim")
}

fn ours(event: &RawValue) -> Said {
    let mut event = Event::read(event).expect("an event");
    let mut query = event.query();
    query.sort();
    let Body::Bytes(body) = event.take_body() else {
        panic!("a body that cannot be read");
    };
    let path = event.path().to_owned();
    let token = event.header("authorization");
    (event.method, path, query, token, body)
}

fn theirs(event: &RawValue) -> Said {
    let request = lambda_http::request::from_str(event.get()).expect("an event");
    let pairs = |query: &QueryMap| {
        let mut pairs: Vec<_> = query
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        pairs.sort();
        pairs
    };
    let query = request.query_string_parameters_ref();
    let headers = request.headers().get_all("authorization");
    let token = headers
        .iter()
        .map(|value| value.to_str().expect("text").to_owned());
    (
        request.method().to_string(),
        request.raw_http_path().to_owned(),
        query.map(pairs).unwrap_or_default(),
        token.collect(),
        request.body().to_vec(),
    )
}

#[test]
fn every_request_in_events_is_read_as_lambda_http_reads_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../events");
    let mut count = 0;
    for file in std::fs::read_dir(folder).expect("events") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let is_request = ["apigw-", "rest-", "function-url-"];
        if !is_request.iter().any(|kind| name.starts_with(kind)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let event: Box<RawValue> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(ours(&event), theirs(&event), "{name}");
        let request = lambda_http::request::from_str(&text).expect("an event");
        let read = Event::read(&event).expect("an event");
        match request.request_context() {
            RequestContext::ApiGatewayV2(context) => {
                assert_eq!(read.origin, Origin::HttpApi, "{name}");
                assert_eq!(read.stage(), context.stage.as_deref(), "{name}");
                let jwt = context.authorizer.and_then(|it| it.jwt);
                if let Some(sub) = jwt.and_then(|jwt| jwt.claims.get("sub").cloned()) {
                    let claim = read.verified_claim(&owner_claim("sub"));
                    assert_eq!(claim, Some(sub.into()), "{name}");
                }
            }
            RequestContext::ApiGatewayV1(context) => {
                assert_eq!(read.origin, Origin::RestApi, "{name}");
                assert_eq!(read.route(), context.resource_path.as_deref(), "{name}");
            }
            _ => panic!("{name}"),
        }
        count += 1;
    }
    assert!(count > 15, "{count}");
}

#[test]
fn what_is_no_request_is_refused_without_a_word_of_it() {
    for event in [
        json!({}),
        json!(null),
        json!(["secret"]),
        json!({ "Records": [{ "s3": { "object": { "key": "secret" } } }] }),
        json!({ "requestContext": { "elb": {} }, "httpMethod": "GET", "path": "/secret" }),
        json!({ "requestContext": { "http": {} }, "rawPath": "/secret" }),
        json!({ "requestContext": { "http": { "method": 5 } }, "rawPath": "/secret" }),
        json!({ "requestContext": { "http": { "method": "GET" } }, "body": ["secret"] }),
    ] {
        let raw = to_raw_value(&event).expect("JSON");
        let error = Event::read(&raw).expect_err("no request").to_string();
        assert!(
            error.contains("neither") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn several_headers_are_seen_and_bad_base64_is_told() {
    let event = json!({
        "httpMethod": "POST", "path": "/", "requestContext": {},
        "headers": { "Authorization": "Bearer b" },
        "multiValueHeaders": { "AUTHORIZATION": ["Bearer a", "Bearer b"] },
        "body": "!", "isBase64Encoded": true,
    });
    let event = to_raw_value(&event).expect("JSON");
    let mut event = Event::read(&event).expect("a request");
    assert_eq!(event.header("authorization"), ["Bearer a", "Bearer b"]);
    assert_eq!(event.take_body(), Body::NotBase64);
}

#[test]
fn a_body_is_too_large_by_what_it_decodes_to() {
    let read = |body: String, base64: bool| {
        let event = json!({
            "httpMethod": "POST", "path": "/", "requestContext": {}, "body": body, "isBase64Encoded": base64,
        });
        let event = to_raw_value(&event).expect("JSON");
        Event::read(&event).expect("a request").take_body()
    };
    for (bytes, fits) in [
        (MAX_BODY_BYTES - 2, true),
        (MAX_BODY_BYTES - 1, true),
        (MAX_BODY_BYTES, true),
        (MAX_BODY_BYTES + 1, false),
        (MAX_BODY_BYTES + 2, false),
        (MAX_BODY_BYTES + 3, false),
    ] {
        let body = vec![b'x'; bytes];
        let expected = if fits {
            Body::Bytes(body.clone())
        } else {
            Body::TooLarge
        };
        assert!(read(STANDARD.encode(&body), true) == expected, "{bytes}");
        let text = String::from_utf8(body).expect("text");
        assert!(read(text, false) == expected, "{bytes}");
    }
    // Too long for any base64 of a body that fits, whatever it holds.
    assert!(read("!".repeat(MAX_BODY_BYTES * 3 / 2), true) == Body::TooLarge);
}

/// Names and values, encoded or not: a REST API decodes them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9%+=&;. ~-]{0,12}",
        any::<String>(),
        select(vec!["%2F", "a=b=c", "ü", "%ff", "+"]).prop_map(str::to_owned),
    ]
}

fn http_api() -> impl Strategy<Value = Value> {
    // `lambda_http` panics on a path that is not part of a URL.
    let encoded = || "[a-zA-Z0-9+=&;./~-]{0,8}(%[0-9a-fA-F]{2}|%|%2){0,3}";
    let raw = vec((encoded(), encoded()), 0..4).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.iter().map(|(a, b)| format!("{a}={b}")).collect();
        pairs.join("&")
    });
    (select(vec!["GET", "POST", "PATCH", "DELETE"]), "(/[a-z0-9%.]{0,8}){0,4}", raw, text()).prop_map(
        |(method, path, query, body)| {
            json!({
                "version": "2.0", "routeKey": "$default", "httpMethod": "GET", "rawPath": path, "rawQueryString": query,
                "headers": { "Authorization": "Bearer x", "x": "y" },
                "requestContext": { "http": { "method": method, "path": path }, "stage": "$default" },
                "body": body, "isBase64Encoded": false,
            })
        },
    )
}

fn rest_api() -> impl Strategy<Value = Value> {
    (
        select(vec!["GET", "POST", "PATCH", "DELETE"]),
        "(/[a-z0-9%.]{0,8}){0,4}",
        btree_map(text(), vec(text(), 1..3), 0..3),
        vec(any::<u8>(), 0..40),
    )
        .prop_map(|(method, path, query, body)| {
            let single: BTreeMap<_, _> = query
                .iter()
                .map(|(name, values)| (name, values.last()))
                .collect();
            json!({
                "httpMethod": method, "path": path, "resource": path,
                "headers": { "authorization": "Bearer x" },
                "multiValueHeaders": { "authorization": ["Bearer x"] },
                "queryStringParameters": single, "multiValueQueryStringParameters": query,
                "requestContext": { "resourcePath": path, "stage": "prod", "httpMethod": method, "identity": {} },
                "body": STANDARD.encode(body), "isBase64Encoded": true,
            })
        })
}

proptest! {
    #[test]
    fn any_request_is_read_as_lambda_http_reads_it(event in prop_oneof![http_api(), rest_api()]) {
        let event = to_raw_value(&event).expect("JSON");
        prop_assert_eq!(ours(&event), theirs(&event));
    }
}
