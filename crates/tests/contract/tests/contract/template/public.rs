//! Runs the template's CloudFront function, and compares it with the rule of the functions.

use std::process::Command;

use serde_json::{Value, json};
use slipway_core::content_type::is_inert;

use super::template;

const TYPES: [&str; 30] = [
    "image/png",
    "IMAGE/PNG",
    "image/jpeg; charset=x",
    " image/webp ",
    "image/svg+xml",
    "image/avif",
    "image/x-icon",
    "image/vnd.microsoft.icon",
    "image/",
    "image",
    "",
    "audio/mpeg",
    "audio/",
    "video/mp4",
    "video/x-html",
    "audio/svg",
    "video/xml",
    "text/plain;charset=utf-8",
    "text/html",
    "text/xml",
    "text/javascript",
    "application/pdf",
    "application/xhtml+xml",
    "application/octet-stream",
    "application/pdf, text/html",
    "constructor/png",
    "video/webm;codecs=vp8,opus",
    "image/png;x=,text/html",
    "image/png;x=\"a,text/html\"",
    "text/plain;",
];

fn dispositions(headers: &Value) -> Vec<bool> {
    let code = template()["Resources"]["AttachActive"]["Properties"]["FunctionCode"].as_str();
    let program = format!(
        "{}\nconst all = {headers};\nconsole.log(JSON.stringify(all.map((headers) => \
         (handler({{ response: {{ headers }} }}).headers['content-disposition'] || {{}}).value === 'attachment')));",
        code.expect("code")
    );
    let output = Command::new("node").args(["-e", &program]).output();
    let output = output.expect("node runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("a list")
}

#[test]
fn cloudfront_serves_the_same_types_as_attachments() {
    let headers = TYPES.map(|kind| json!({ "content-type": { "value": kind } }));
    let expected: Vec<_> = TYPES.iter().map(|kind| !is_inert(kind)).collect();
    assert!(expected.contains(&true) && expected.contains(&false));
    assert_eq!(dispositions(&json!(headers)), expected, "{TYPES:?}");
}

#[test]
fn cloudfront_serves_unknown_and_encoded_content_as_attachments() {
    let encoded = |encoding: &str| json!({ "content-type": { "value": "image/png" }, "content-encoding": { "value": encoding } });
    let headers = json!([
        {},
        encoded("gzip"),
        encoded("identity, br"),
        encoded("aws-chunked"),
        encoded("identity"),
    ]);
    assert_eq!(dispositions(&headers), [true, true, true, false, false]);
}
