//! Responses without the values that change from run to run, for snapshots.

use std::collections::BTreeMap;

use serde_json::Value;

/// `value` with every id, time, signature and port replaced by its name.
pub(crate) fn shape(value: &Value) -> Value {
    match value {
        // Sorted, since another crate of the build may enable serde_json's `preserve_order`.
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members
                .iter()
                .map(|(name, value)| (name.clone(), member(name, value)))
                .collect();
            sorted.into_iter().collect()
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(text) => Value::String(without_ids(text)),
        other => other.clone(),
    }
}

fn member(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("createdAt" | "expiresAt" | "uploadedAt" | "urlExpiresAt", Value::String(_)) => {
            "[time]".into()
        }
        ("nextCursor", Value::String(_)) => "[cursor]".into(),
        ("url" | "presignedUrl" | "publicFileUrl", Value::String(url)) => address(url).into(),
        _ => shape(value),
    }
}

/// The URL with one query parameter per line, without the signed values.
fn address(url: &str) -> String {
    let url = without_ids(url);
    let (address, query) = url.split_once('?').unwrap_or((&url, ""));
    let address = match address.strip_prefix("http://127.0.0.1:") {
        Some(rest) => {
            let path = rest.find('/').map_or("", |at| &rest[at..]);
            format!("http://s3{path}")
        }
        None => address.to_owned(),
    };
    let parameters: Vec<_> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| match parameter.split_once('=') {
            Some((
                name @ ("X-Amz-Date" | "X-Amz-Signature" | "X-Amz-Credential" | "uploadId"),
                _,
            )) => {
                format!("{name}=[…]")
            }
            _ => parameter.to_owned(),
        })
        .collect();
    match parameters.as_slice() {
        [] => address,
        parameters => format!("{address}?{}", parameters.join("&")),
    }
}

fn without_ids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.get(..36).is_some_and(is_id) {
            out.push_str("[id]");
            rest = &rest[36..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text.matches('-').count() == 4 && uuid::Uuid::try_parse(text).is_ok()
}
