//! CORS for browsers: the rule of `template.yaml`, evaluated as S3 does.

use reqwest::header::HeaderMap;
use slipway_emulators::s3::{CorsRule, Policy};

use crate::stack::{BUCKET, Stack};

const ORIGIN: &str = "http://localhost:5173";
const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

async fn preflight(stack: &Stack, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let url = format!("{}/{BUCKET}/k", stack.server.endpoint());
    let mut ask = stack.http.request(reqwest::Method::OPTIONS, url);
    for (name, value) in headers {
        ask = ask.header(*name, *value);
    }
    let answer = ask.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

fn has_cors(headers: &HeaderMap) -> bool {
    let mut names = headers.keys();
    names.any(|name| name.as_str().starts_with("access-control-") || name == "vary")
}

#[tokio::test]
async fn a_preflight_is_permitted_by_the_templates_rule() {
    let stack = Stack::start().await;
    let rule = CorsRule::of_template(vec!["*".to_owned()]).unwrap();
    for method in &rule.methods {
        let asked = "Content-Type,if-none-match, range,if-range,x-amz-checksum-sha256";
        let (status, headers, body) = preflight(
            &stack,
            &[
                ("origin", ORIGIN),
                ("access-control-request-method", method),
                ("access-control-request-headers", asked),
            ],
        )
        .await;
        assert_eq!((status, &*body), (200, ""));
        assert_eq!(headers["access-control-allow-origin"], "*");
        // In lower case, as S3 sends them.
        assert_eq!(
            headers["access-control-allow-headers"],
            "content-type, if-none-match, range, if-range, x-amz-checksum-sha256"
        );
        let listed = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(
            listed("access-control-allow-methods"),
            rule.methods.join(", ")
        );
        assert_eq!(
            listed("access-control-expose-headers"),
            rule.exposed.join(", ")
        );
        assert_eq!(listed("access-control-max-age"), rule.max_age.to_string());
        assert_eq!(headers["vary"], VARY);
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
}

#[tokio::test]
async fn a_preflight_is_refused_as_s3_refuses_it() {
    let policy = Policy {
        origins: Some(vec![ORIGIN.to_owned()]),
        ..Policy::default()
    };
    let stack = Stack::start_with(policy).await;
    let forbidden = [
        ("http://localhost:5174", "PUT", "content-type"),
        (ORIGIN, "DELETE", "content-type"),
        (ORIGIN, "POST", "content-type"),
        (ORIGIN, "PUT", "content-type,authorization"),
        (ORIGIN, "GET", "x-amz-meta-name"),
    ];
    for (origin, method, headers) in forbidden {
        let asked = [
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", headers),
        ];
        let (status, headers, body) = preflight(&stack, &asked).await;
        assert_eq!(status, 403, "{asked:?}");
        assert_eq!(headers["content-type"], "application/xml");
        assert!(!has_cors(&headers), "{headers:?}");
        assert!(body.contains("<Code>AccessForbidden</Code>"), "{body}");
        let about = format!("<Method>{method}</Method><ResourceType>OBJECT</ResourceType>");
        assert!(body.contains(&about), "{body}");
    }
    for (asked, message) in [
        (
            &[("access-control-request-method", "PUT")][..],
            "Insufficient information. Origin request header needed.",
        ),
        (
            &[("origin", ORIGIN)][..],
            "Invalid Access-Control-Request-Method: null",
        ),
    ] {
        let (status, headers, body) = preflight(&stack, asked).await;
        assert_eq!((status, has_cors(&headers)), (400, false));
        assert!(body.contains("<Code>BadRequest</Code>"), "{body}");
        assert!(body.contains(message), "{body}");
    }
}

#[tokio::test]
async fn a_page_can_read_every_response_and_other_clients_get_no_cors_headers() {
    let policy = Policy {
        origins: Some(vec![ORIGIN.to_owned()]),
        ..Policy::default()
    };
    let stack = Stack::start_with(policy).await;
    let bare = format!("{}/{BUCKET}/k", stack.server.endpoint());
    let put = stack.http.put(stack.url("PUT", "k").sign()).body("x");
    put.send().await.unwrap().error_for_status().unwrap();
    let requests = [
        (stack.url("GET", "k").sign(), 200),
        (stack.url("GET", "none").sign(), 404),
        (bare, 403),
        (stack.url("GET", "k").expires(700_000).sign(), 400),
    ];
    for (url, status) in requests {
        let ask = |origin: Option<&str>| {
            let request = stack.http.get(&url);
            match origin {
                Some(origin) => request.header("origin", origin),
                None => request,
            }
        };
        let answer = ask(Some(ORIGIN)).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let headers = answer.headers();
        assert_eq!(headers["access-control-allow-origin"], ORIGIN);
        assert_eq!(headers["access-control-allow-credentials"], "true");
        assert_eq!(headers["vary"], VARY);
        let exposed = headers["access-control-expose-headers"].to_str().unwrap();
        for name in [
            "ETag",
            "Content-Length",
            "Content-Range",
            "Content-Disposition",
            "Accept-Ranges",
        ] {
            assert!(exposed.split(", ").any(|shown| shown == name), "{name}");
        }
        assert!(headers.contains_key("x-amz-request-id"));
        for origin in [None, Some("http://localhost:5174")] {
            let answer = ask(origin).send().await.unwrap();
            assert_eq!(answer.status(), status);
            assert!(!has_cors(answer.headers()), "{:?}", answer.headers());
        }
    }
}
