//! Reads `openapi.yaml`, and validates responses against it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::world::{Answer, Route};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The path of a file in the checkout.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The parsed document.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| serde_yaml_ng::from_str(&read("openapi.yaml")).expect("YAML"));
    &DOCUMENT
}

/// Every operation: path, method in lower case, and its object.
pub(crate) fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = document()["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let methods = ["get", "put", "post", "delete", "patch"];
        methods
            .into_iter()
            .filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
    })
}

/// The target of a `$ref`, or the value itself.
pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(pointer) => document()
            .pointer(pointer.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{pointer} points nowhere")),
        None => value,
    }
}

/// A validator of `schema`, which may refer to components of the document.
pub(crate) fn validator(schema: &Value) -> Validator {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document()["components"],
        "allOf": [schema],
    });
    jsonschema::options()
        .offline()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|error| panic!("not a schema: {error}"))
}

/// The validation errors of `instance`, one per line; empty if it is valid.
pub(crate) fn problems(validator: &Validator, instance: &Value) -> String {
    validator
        .iter_errors(instance)
        .fold(String::new(), |mut text, error| {
            let _ = writeln!(text, "{}: {error}", error.instance_path());
            text
        })
}

/// Panics unless `answer`, with its headers, is described for `route`.
///
/// Without a route it must be an error: the caller is not authenticated, or the path does not
/// exist.
pub(crate) fn check(route: Option<&Route>, answer: &Answer) {
    let header = |name: &str| {
        let values: Vec<_> = answer.headers.get_all(name).iter().collect();
        assert_eq!(values.len(), 1, "one {name}: {answer:?}");
        values[0].to_str().unwrap()
    };
    assert_eq!(header("content-type"), "application/json", "{answer:?}");
    assert_eq!(header("cache-control"), "no-store", "{answer:?}");
    assert_eq!(answer.headers.len(), 2, "no other header: {answer:?}");
    // The document also describes API Gateway's own responses. The functions never send them.
    let succeeds = answer.status < 300;
    assert_eq!(answer.json["success"], json!(succeeds), "{answer:?}");
    let found = problems(&validator_of(route, answer), &answer.json);
    assert_eq!(found, "", "{route:?} {answer:?}");
}

fn validator_of(route: Option<&Route>, answer: &Answer) -> Arc<Validator> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let status = answer.status;
    let name = match route {
        Some(route) => format!("{} {} {status}", route.method, route.path),
        None => status.to_string(),
    };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = known.entry(name).or_insert_with(|| {
        let response = match route {
            Some(route) => &operation(route)["responses"][status.to_string()],
            None => &document()["components"]["responses"][nameless(status)],
        };
        let schema = &resolved(response)["content"]["application/json"]["schema"];
        assert!(
            !schema.is_null(),
            "openapi.yaml has no {status} for {route:?}: {answer:?}"
        );
        Arc::new(validator(schema))
    });
    Arc::clone(entry)
}

fn operation(route: &Route) -> &'static Value {
    &document()["paths"][&route.path][route.method.to_ascii_lowercase()]
}

fn nameless(status: u16) -> &'static str {
    match status {
        401 => "Unauthenticated",
        404 => "NotFound",
        _ => panic!("{status} without a route"),
    }
}
