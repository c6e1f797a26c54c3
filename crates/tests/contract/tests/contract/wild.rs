//! Random request bodies: presign responds to each of them, and never with an internal error.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use slipway_emulators::gateway::GatewayEvent;
use tokio::runtime::Runtime;

use crate::world::{Answer, App, offline};

/// Presigning needs neither Postgres nor S3.
struct PresignFuzz {
    app: App,
    runtime: Runtime,
    template: GatewayEvent,
}

impl PresignFuzz {
    fn new() -> Self {
        Self {
            app: offline(&[("JWT_SECRET", "")]),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap(),
            template: GatewayEvent::new("POST", "/presign-upload")
                .authorizer(json!({ "lambda": { "sub": "alice" } })),
        }
    }

    fn ask(&self, fill: impl FnOnce(GatewayEvent) -> GatewayEvent) -> Answer {
        // The response is validated against openapi.yaml.
        self.runtime
            .block_on(self.app.send(fill(self.template.clone())))
    }
}

/// Any JSON, with values that presign treats specially.
fn wild_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec![
            "a.txt",
            "text/plain",
            "a/b; c=\"d\"",
            "a/b;c,d=",
            "",
            "\0",
            "\u{202e}"
        ])
        .prop_map(Value::from),
        Just("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=".into()),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let names = [
            "fileName",
            "contentType",
            "size",
            "checksumSha256",
            "files",
            "other",
        ];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(select(names.to_vec()), inner, 0..6).prop_map(|members| members
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect()),
        ]
    })
}

fn is_no_fault(answer: &Answer) -> bool {
    matches!(answer.status, 200 | 400 | 413 | 415)
}

#[test]
fn any_json_gets_a_response() {
    let presign = PresignFuzz::new();
    proptest!(ProptestConfig::with_cases(500), |(body in wild_json())| {
        let answer = presign.ask(|event| event.json(&body));
        prop_assert!(is_no_fault(&answer), "{body} {answer:?}");
    });
}

#[test]
fn any_text_and_any_bytes_get_a_400() {
    let presign = PresignFuzz::new();
    proptest!(ProptestConfig::with_cases(300), |(text in any::<String>(), bytes in any::<Vec<u8>>())| {
        let answer = presign.ask(|event| event.text(&text));
        prop_assert_eq!((answer.status, answer.code()), (400, "invalid_request"));
        let answer = presign.ask(|event| event.bytes(&bytes));
        prop_assert_eq!((answer.status, answer.code()), (400, "invalid_request"));
    });
}

#[test]
fn a_request_with_one_byte_changed_gets_a_response() {
    let presign = PresignFuzz::new();
    let body = r#"{"files": [{"fileName": "ü.txt", "contentType": "text/plain; a=\"b\"", "size": 12,
        "checksumSha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}], "other": [1.5e3]}"#;
    proptest!(ProptestConfig::with_cases(500), |(at in 0..body.len(), byte in any::<u8>())| {
        let mut bytes = body.as_bytes().to_vec();
        bytes[at] = byte;
        let answer = presign.ask(|event| event.bytes(&bytes));
        prop_assert!(is_no_fault(&answer), "{at} {byte} {answer:?}");
    });
}

#[test]
fn any_name_and_size_is_signed_exactly() {
    let presign = PresignFuzz::new();
    proptest!(ProptestConfig::with_cases(300), |(name in "\\PC{1,128}", size in 0..=5_368_709_120_u64)| {
        let ask = json!({ "fileName": name, "contentType": "a/b", "size": size });
        let presigned = presign.ask(|event| event.json(&ask)).expect(200);
        let url = presigned["presignedUrl"].as_str().unwrap();
        let (_, rest) = url.split_once("x-amz-meta-name=").unwrap();
        let signed = URL_SAFE_NO_PAD.decode(rest.split('&').next().unwrap()).unwrap();
        prop_assert_eq!(String::from_utf8(signed).unwrap(), name);
        prop_assert!(url.contains("X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost&"));
    });
}
