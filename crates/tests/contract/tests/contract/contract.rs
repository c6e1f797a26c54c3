//! `openapi.yaml` against the router, the error codes and itself. Responses are validated against
//! it in every other test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use slipway_core::{Code, UrlBlocked};

use crate::spec::{document, operations, problems, read, resolved, validator};
use crate::world::router;

#[test]
fn the_router_serves_what_is_described_and_nothing_else() {
    let described: BTreeSet<_> = operations()
        .map(|(path, method, _)| (path.to_owned(), method.to_ascii_uppercase()))
        .collect();
    let served: BTreeSet<_> = router()
        .iter()
        .map(|route| (route.path.to_owned(), route.method.to_owned()))
        .collect();
    assert_eq!(served, described);
    assert_eq!(served.len(), router().len(), "no route is there twice");
}

/// `cargo lambda watch` cannot read the table in Rust.
#[test]
fn the_router_of_cargo_lambda_watch_has_the_same_routes() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    let watched = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
    let lines = watched.as_table().expect("a table").iter();
    let lines = lines.flat_map(|(path, functions)| {
        let functions = functions.as_array().expect("a list").iter();
        functions.map(move |function| {
            let text = |name: &str| function[name].as_str().expect(name);
            (text("method"), path.as_str(), text("function"))
        })
    });
    let routes = router().iter();
    let routes = routes.map(|route| (route.method, route.path, route.function));
    assert_eq!(lines.collect::<BTreeSet<_>>(), routes.collect());
}

#[test]
fn every_code_is_described_and_no_other() {
    let schema = &document()["components"]["schemas"]["ErrorCode"]["enum"];
    let described: Vec<_> = schema
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    let known: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(described, known);
}

/// The table of the contract.
const STATUSES: [(&str, &str); 19] = [
    ("invalid_request", "400"),
    ("invalid_key", "400"),
    ("unauthenticated", "401"),
    ("forbidden", "403"),
    ("not_found", "404"),
    ("upload_not_found", "409"),
    ("parts_missing", "409"),
    ("checksum_mismatch", "409"),
    ("file_changed", "409"),
    ("file_deleted", "410"),
    ("file_too_large", "413"),
    ("quota_exceeded", "413"),
    ("use_multipart", "413"),
    ("request_too_large", "413"),
    ("type_not_allowed", "415"),
    ("too_many_uploads", "429"),
    ("internal", "500"),
    ("unavailable", "503"),
    ("timeout", "504"),
];

#[test]
fn every_code_has_its_one_status() {
    let expected: BTreeMap<_, _> = STATUSES.into();
    let mut found = BTreeSet::new();
    for (path, method, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for code in codes(content(response)) {
                assert_eq!(
                    expected.get(code),
                    Some(&status.as_str()),
                    "{method} {path} {code}"
                );
                found.insert(code);
            }
        }
    }
    assert_eq!(
        found.len(),
        expected.len(),
        "each is answered by some operation: {found:?}"
    );
}

#[test]
fn every_operation_has_the_common_responses() {
    for (path, method, operation) in operations() {
        let success = ["200", "201"].map(|status| &operation["responses"][status]);
        assert!(
            success.iter().any(|response| !response.is_null()),
            "{method} {path}"
        );
        for status in ["401", "500", "503", "504"] {
            assert!(
                !operation["responses"][status].is_null(),
                "{method} {path} has no {status}"
            );
        }
        assert!(operation["operationId"].is_string(), "{method} {path}");
    }
}

/// The JSON schema of a request or a response, if it has one.
fn content(holder: &'static Value) -> Option<&'static Value> {
    resolved(holder)["content"].get("application/json")
}

/// The error codes that a schema allows.
fn codes(content: Option<&'static Value>) -> Vec<&'static str> {
    let Some(schema) = content.map(|content| resolved(&content["schema"])) else {
        return Vec::new();
    };
    let several = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    let schemas = std::iter::once(schema).chain(several.iter().map(resolved));
    schemas
        .filter_map(|schema| schema["properties"]["code"]["enum"].as_array())
        .flatten()
        .map(|code| code.as_str().unwrap())
        .collect()
}

#[test]
fn every_example_is_valid() {
    let mut count = 0;
    for (path, method, operation) in operations() {
        let bodies = operation["responses"].as_object().unwrap().values();
        for holder in bodies.chain(operation.get("requestBody")) {
            let Some(content) = content(holder) else {
                continue;
            };
            let validator = validator(&content["schema"]);
            for example in examples(content) {
                assert_eq!(
                    problems(&validator, example),
                    "",
                    "{method} {path}: {example}"
                );
                count += 1;
            }
        }
        let shared = document()["paths"][path]["parameters"].as_array();
        let own = operation["parameters"].as_array();
        for parameter in shared.into_iter().chain(own).flatten().map(resolved) {
            let validator = validator(&parameter["schema"]);
            for example in examples(parameter) {
                assert_eq!(
                    problems(&validator, example),
                    "",
                    "{method} {path}: {example}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count}");
}

fn examples(holder: &'static Value) -> Vec<&'static Value> {
    let named = holder["examples"].as_object();
    let named = named
        .into_iter()
        .flat_map(|examples| examples.values().map(|named| &named["value"]));
    holder.get("example").into_iter().chain(named).collect()
}

#[test]
fn every_reference_points_somewhere_and_every_component_is_referred_to() {
    let mut referred = BTreeSet::new();
    walk(document(), &mut referred);
    for pointer in &referred {
        assert!(document().pointer(&pointer[1..]).is_some(), "{pointer}");
    }
    for (kind, components) in document()["components"].as_object().unwrap() {
        // Generated clients use the names of the codes. Security schemes are referenced by name.
        for name in components.as_object().unwrap().keys() {
            let known = kind == "securitySchemes" || name == "ErrorCode";
            let pointer = format!("#/components/{kind}/{name}");
            assert!(
                known || referred.contains(pointer.as_str()),
                "{pointer} is not used"
            );
        }
    }
}

#[test]
fn every_reason_for_a_missing_url_is_described_and_no_other() {
    let file = &document()["components"]["schemas"]["File"];
    let described = file["properties"]["urlBlocked"]["enum"].as_array().unwrap();
    let known = UrlBlocked::ALL.map(UrlBlocked::as_str);
    assert_eq!(*described, known);
}

fn walk<'a>(value: &'a Value, referred: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            referred.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| walk(value, referred));
        }
        Value::Array(items) => items.iter().for_each(|value| walk(value, referred)),
        _ => {}
    }
}
